"""Duties that one debugger does for all of them, changing hands within seconds.

The leader holds an advisory lock of PostgreSQL on a connection of its own and looks after it once a second. A session
that is idle for longer is ended by the server, so a leader that hangs loses the lock, too. Two leaders for a moment do
no harm: what they publish is decided by claims.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import structlog

from libs.common.lifecycle import Duty
from services.debugger import database, rounds

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 1.0
IDLE_MS: Final = "10000"  # how long a leader that hangs keeps the lock
_LOCK: Final = 0x6C6561646572  # "leader"

Work = Callable[[], Coroutine[Any, Any, None]]


class Leadership:
    """Does its duties while this process leads. `duties` are coroutine functions by name, which never return."""

    def __init__(self, url: str, duties: dict[str, Work], *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._url = url
        self._duties = duties
        self._look_every_s = look_every_s
        self._duty = Duty("leadership", self._work)
        self.leading = asyncio.Event()  # set while this process leads

    async def start(self) -> None:
        """Begin to stand for it."""
        await self._duty.start()

    async def stop(self) -> None:
        """Leave it to others at once."""
        await self._duty.stop()

    async def _work(self) -> None:
        await rounds.rounds(self._term, every_s=self._look_every_s, name="leadership")

    async def _term(self) -> float:
        """Wait for the lead, and hold it until a duty ends or the connection is lost."""
        async with _session(self._url) as connection:
            await self._elect(connection)
            await self._lead(connection)
        return self._look_every_s

    async def _elect(self, connection: asyncpg.Connection) -> None:
        while True:
            if await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                return
            await asyncio.sleep(self._look_every_s)

    async def _lead(self, connection: asyncpg.Connection) -> None:
        log.info("leading", duties=sorted(self._duties))
        duties = [Duty(name, work) for name, work in self._duties.items()]
        try:
            for duty in duties:
                await duty.start()
            self.leading.set()
            while all(duty.alive for duty in duties):
                await asyncio.sleep(self._look_every_s)
                await connection.execute("select 1")
        finally:
            self.leading.clear()
            await _stop(duties)
            log.info("leading_no_more")


async def _stop(duties: Sequence[Duty]) -> None:
    for duty in duties:
        await duty.stop()


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        url,
        timeout=database.CONNECT_TIMEOUT_S,
        command_timeout=database.CONNECT_TIMEOUT_S,
        server_settings={"idle_session_timeout": IDLE_MS},
    )
    try:
        yield connection
    finally:
        connection.terminate()  # at once, which frees the lock
