"""Runs without a sign of life, in PostgreSQL, and the mark that tells how far the recorder has come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from libs.common import messages
from services.debugger import record_store, sightings, statements, sweeping

AT_MOST: Final = 500
UNAVAILABLE: Final = {
    "code": "unavailable",
    "message": "It could not be told whether the run was accepted, and it never showed",
    "step": None,
}


@dataclass(frozen=True, slots=True)
class SilentRun:
    """A run that ought to have shown a sign of life, as it was found."""

    id: UUID
    attempt: int
    holder: str | None
    known: bool
    seen_at_ms: int | None
    refused: bool
    quiet_since_ms: int
    passed_ms: int | None

    @property
    def facts(self) -> sweeping.Facts:
        """What it is judged by."""
        return sweeping.Facts(
            known=self.known,
            seen=self.seen_at_ms is not None,
            refused=self.refused,
            asleep=False,
            quiet_since_ms=self.quiet_since_ms,
            passed_ms=self.passed_ms,
        )

    @property
    def held(self) -> messages.Holder:
        """Whom a message that brings it back replaces."""
        return messages.Holder(self.holder, self.attempt)


@dataclass(frozen=True, slots=True)
class Search:
    """Which runs are wanted: quiet since before a time, or passed by a sighting, but all quiet since before another."""

    quiet_before_ms: int
    passed: Sequence[tuple[sightings.Lane, sightings.Sighting]] = ()
    all_passed_ms: int | None = None
    all_before_ms: int = sightings.NO_BOUND
    only: Sequence[UUID] | None = None

    def arguments(self) -> tuple[Any, ...]:
        """Return the parameters of `list_silent_runs`."""
        return (
            self.quiet_before_ms,
            [mode for (mode, _), _ in self.passed],
            [lane for (_, lane), _ in self.passed],
            [sighting.at_ms for _, sighting in self.passed],
            [sighting.bound_ms for _, sighting in self.passed],
            self.all_passed_ms,
            self.only,
            self.all_before_ms,
            AT_MOST,
        )


class SilenceStore:
    """What the sweeper asks and tells PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def clock_ms(self) -> int:
        """Return the database's clock."""
        now_ms: int = await self._pool.fetchval(statements.load("find_clock"))
        return now_ms

    async def overtaken(self, suspected_before_ms: int) -> dict[sightings.Lane, int]:
        """Return, for lanes with runs that were never seen, the acceptance of the newest run that began by itself."""
        rows = await self._pool.fetch(statements.load("list_overtaken"), suspected_before_ms)
        return {(row["mode"], row["lane"]): row["accepted_at_ms"] for row in rows}

    async def silent(self, search: Search) -> list[SilentRun]:
        """Return at most 500 silent runs, oldest first."""
        rows = await self._pool.fetch(statements.load("list_silent_runs"), *search.arguments())
        return [SilentRun(**dict(row)) for row in rows]

    async def mark_swept(self, runs: Sequence[SilentRun]) -> None:
        """Note that they were brought back, unless they have shown a sign of life."""
        columns = ([run.id for run in runs], [run.attempt for run in runs], [run.seen_at_ms for run in runs])
        await self._pool.execute(statements.load("mark_swept"), *columns)

    async def close(self, runs: Sequence[SilentRun]) -> int:
        """End runs that were refused and never showed, as `unavailable`; return how many that were."""
        error = msgspec.json.encode(UNAVAILABLE).decode()
        return len(await self._pool.fetch(statements.load("close_refused_runs"), [run.id for run in runs], error))

    @asynccontextmanager
    async def recorded(self, mark: str) -> AsyncIterator["asyncio.Future[None]"]:
        """Give the future that is done once the recorder, wherever it runs, has recorded this mark."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def hear(_connection: Any, _pid: int, _channel: str, payload: object) -> None:
            if payload == mark and not done.done():
                done.set_result(None)

        async with self._pool.acquire() as connection:
            await connection.add_listener(record_store.MARKS_CHANNEL, hear)
            try:
                yield done
            finally:
                done.cancel()
                await connection.remove_listener(record_store.MARKS_CHANNEL, hear)
