"""The connections to PostgreSQL: how they are opened, and which errors mean that it is away."""

import asyncio
from typing import Final

import asyncpg
import structlog

from libs.common import errors

log = structlog.get_logger(__name__)

POOL_SIZE: Final = 4
COMMAND_TIMEOUT_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 5.0
_SESSION: Final = {
    "idle_in_transaction_session_timeout": "30000",  # a process that hangs in a transaction must let go of its locks
    "synchronous_commit": "on",  # whatever the server's default: what is committed is acknowledged to the broker
}

# What is raised when the server is away, restarts, refuses or ends connections: later the same may work.
AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)

# The classes of SQLSTATE that speak of the values that were given: the same statement would fail again.
_OF_THE_VALUES: Final = frozenset({"22", "23", "54"})  # data exception, integrity constraint, program limit


def is_away(error: BaseException) -> bool:
    """Tell whether a statement failed for a reason that passes or that somebody has to put right, not by its values."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "")[:2] not in _OF_THE_VALUES
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # the driver's own DataError: a value that its type has no room for
    return isinstance(error, OSError | TimeoutError)


async def open_pool(url: str, *, size: int = POOL_SIZE) -> asyncpg.Pool:
    """Return a pool of at most so many connections; none is opened before it is needed, so the server may be away."""
    return await asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT_S,
        timeout=CONNECT_TIMEOUT_S,
        server_settings=_SESSION,
    )


async def connect(url: str, *, patience_s: float = 30.0) -> asyncpg.Connection:
    """Return one connection, trying again for a while; `StartError` if nothing answers there or it refuses us."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError, ValueError) as error:
            raise errors.StartError(f"PostgreSQL refuses the connection: {error}") from error
        except AWAY as error:
            if asyncio.get_running_loop().time() >= deadline:
                raise errors.StartError(f"PostgreSQL cannot be reached: {error or type(error).__name__}") from error
            log.warning("database_away", why=str(error) or type(error).__name__)
        await asyncio.sleep(0.5)
