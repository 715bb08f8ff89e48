"""The count that all gateways share: what a limiter needs of it, and how PostgreSQL keeps it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

import asyncpg

from libs.common import errors
from services.gateway.feed import statement
from services.gateway.rate_window import Answer, Limit

CONNECT_TIMEOUT_S: Final = 3.0
TIMEOUT_S: Final = 1.0  # senders wait meanwhile; later than that, this gateway goes on alone
_SESSION: Final = {
    "application_name": "flowhook-gateway rate limit",
    "synchronous_commit": "off",  # the table is unlogged
    "plan_cache_mode": "force_generic_plan",
}


class CountersAway(errors.FlowhookError):
    """The shared count could not be asked, or its answer did not come: it may have counted, or not."""


class Asked(NamedTuple):
    """What is asked for an address: see `sql/count_requests.sql`."""

    address: str
    wanted: int
    ahead: int
    owed: int
    left_ms: int


class GivenBack(NamedTuple):
    """What is given back to an address's window."""

    address: str
    unspent: int
    ends_at: datetime


def added_up(back: Sequence[GivenBack]) -> list[GivenBack]:
    """Return one entry for each window."""
    counts: dict[tuple[str, datetime], GivenBack] = {}
    for one in back:
        key = (one.address, one.ends_at)
        known = counts.get(key)
        counts[key] = one if known is None else one._replace(unspent=known.unspent + one.unspent)
    return list(counts.values())


class Counters(Protocol):
    """The shared count. Every method raises `CountersAway`, after which `open` is called before anything else."""

    async def open(self) -> None:
        """Connect, once what was open before has been closed."""

    async def close(self) -> None:
        """Let go of the connection; harmless when repeated."""

    async def count(self, asked: Sequence[Asked]) -> Mapping[str, Answer]:
        """Count for many addresses, each of which occurs once, and return each one's answer.

        Never grants more than the limit in a window, all gateways and all that was given ahead together.
        """

    async def give_back(self, back: Sequence[GivenBack]) -> None:
        """Take back what was given ahead; a window that has ended is left alone."""


class PostgresCounters:
    """The table `rate_counters`, over a connection of its own, one statement at a time."""

    def __init__(self, database_url: str, limit: Limit) -> None:
        self._database_url = database_url
        self._limit = limit
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> None:
        """Connect anew."""
        await self.close()
        try:
            self._connection = await asyncpg.connect(
                self._database_url, timeout=CONNECT_TIMEOUT_S, command_timeout=TIMEOUT_S, server_settings=_SESSION
            )
            await self.count(())  # the table is there, and the statement prepared
        except _AWAY as error:
            raise _away(error) from error
        except CountersAway:
            await self.close()
            raise

    async def close(self) -> None:
        """Cut the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
            await asyncio.sleep(0)  # its socket is closed in the loop's next turn

    async def count(self, asked: Sequence[Asked]) -> Mapping[str, Answer]:
        """Count, in one statement."""
        columns = [list(column) for column in zip(*asked, strict=True)] or [[], [], [], [], []]
        try:
            rows = await self._open_connection().fetch(statement("count_requests"), *columns, self._limit.requests)
        except _AWAY as error:
            raise _away(error) from error
        return {row[0]: Answer(row[1], row[2], row[3], row[4], row[5], row[6]) for row in rows}

    async def give_back(self, back: Sequence[GivenBack]) -> None:
        """Take back, in one statement."""
        columns = [list(column) for column in zip(*back, strict=True)]
        try:
            await self._open_connection().execute(statement("give_back_requests"), *columns)
        except _AWAY as error:
            raise _away(error) from error

    def _open_connection(self) -> "asyncpg.Connection":
        if self._connection is None:
            raise CountersAway("not connected")
        return self._connection


# Whatever the driver raises: the connection is opened anew, and requests are counted meanwhile.
_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def _away(error: BaseException) -> CountersAway:
    return CountersAway(str(error) or type(error).__name__)
