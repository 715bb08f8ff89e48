"""Tells whether PostgreSQL answers, without anybody's having to ask it in between."""

import asyncio
from typing import Final

import asyncpg
import structlog

from libs.common.lifecycle import Duty

log = structlog.get_logger(__name__)

EVERY_S: Final = 1.0
TIMEOUT_S: Final = 3.0


class DatabaseWatch:
    """Asks again and again; `ready` is what it heard last."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._duty = Duty("database-watch", self._work)
        self.ready = False

    async def start(self) -> None:
        """Begin to ask."""
        await self._duty.start()

    async def stop(self) -> None:
        """Ask no more."""
        await self._duty.stop()
        self.ready = False

    async def _work(self) -> None:
        while True:
            answers = await self._asks()
            if answers != self.ready:
                log.info("database_answers" if answers else "database_away")
            self.ready = answers
            await asyncio.sleep(EVERY_S)

    async def _asks(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._pool.fetchval("select 1")
        except Exception:  # whatever keeps it from answering
            return False
        return True
