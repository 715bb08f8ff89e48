import asyncpg
import pytest

from services.debugger import database


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.ConnectionDoesNotExistError("connection was closed"),
        asyncpg.DiskFullError("no space left"),
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.UndefinedColumnError("no such column"),  # somebody has to put it right; no event is to blame
    ],
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    assert database.is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CheckViolationError("contradicts itself"),
        asyncpg.InvalidTextRepresentationError("no json"),
        asyncpg.StatementTooComplexError("stack depth limit exceeded"),
        asyncpg.exceptions._base.DataError("out of int32 range"),
        KeyError("a fault of ours"),
    ],
)
def test_what_lies_in_the_values_is_not(error: Exception) -> None:
    assert not database.is_away(error)
