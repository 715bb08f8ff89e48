"""The connections to PostgreSQL: how they are opened, and which of the driver's errors mean that it is away."""

import asyncio
from typing import Final

import asyncpg
import structlog

from libs.common import errors

log = structlog.get_logger(__name__)

POOL_SIZE: Final = 4
COMMAND_TIMEOUT_S: Final = 60.0
CONNECT_TIMEOUT_S: Final = 5.0

# What is raised when the server is away, restarts, refuses connections or ends ours: the same statement may work later.
AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,  # "terminating connection due to administrator command"
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.TransactionRollbackError,  # deadlock, serialization
    asyncpg.exceptions.ObjectInUseError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that has not been promoted yet
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)


async def open_pool(url: str, *, size: int = POOL_SIZE) -> asyncpg.Pool:
    """Return a pool of at most so many connections; none is opened before it is needed, so the server may be away."""
    return await asyncpg.create_pool(
        url, min_size=0, max_size=size, command_timeout=COMMAND_TIMEOUT_S, timeout=CONNECT_TIMEOUT_S
    )


async def connect(url: str, *, patience_s: float = 30.0) -> asyncpg.Connection:
    """Return one connection, trying again for a while; `StartError` if nothing answers there or it refuses us."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
        except AWAY as error:
            if asyncio.get_running_loop().time() >= deadline:
                raise errors.StartError(f"PostgreSQL cannot be reached: {error}") from error
            log.warning("database_away", why=str(error) or type(error).__name__)
        except (asyncpg.PostgresError, ValueError) as error:
            raise errors.StartError(f"PostgreSQL refuses the connection: {error}") from error
        await asyncio.sleep(0.5)
