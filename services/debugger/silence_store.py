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
from services.debugger import proofs, record_store, statements

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
    known: bool  # its request is recorded
    refused: bool  # its sender was told 503
    seen_at_ms: int | None

    @property
    def never_was(self) -> bool:
        """Whether it is to be closed and not to be brought back."""
        return not self.known or (self.refused and self.seen_at_ms is None)

    @property
    def held(self) -> messages.Holder:
        """Whom a message that brings it back replaces."""
        return messages.Holder(self.holder, self.attempt)


@dataclass(frozen=True, slots=True)
class Search:
    """Which runs count as silent: since before a time, or as is proven."""

    anyway_before_ms: int
    proofs: proofs.Proofs

    def arguments(self) -> tuple[Any, ...]:
        """Return the first parameters of `list_silent_runs`."""
        modes = [mode for mode, _ in self.proofs.lanes]
        lanes = [lane for _, lane in self.proofs.lanes]
        before = list(self.proofs.lanes.values())
        return self.anyway_before_ms, modes, lanes, before, self.proofs.every_lane, self.proofs.again


class SilenceStore:
    """What the sweeper asks and tells PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def later_starts(self, suspected_before_ms: int, started_before_ms: int) -> dict[proofs.Lane, int]:
        """Return when the newest run was accepted that has long started, for lanes with runs that were never seen."""
        rows = await self._pool.fetch(statements.load("list_later_starts"), suspected_before_ms, started_before_ms)
        return {(row["mode"], row["lane"]): row["before"] for row in rows}

    async def silent(
        self, search: Search, *, only: Sequence[UUID] | None = None, behind: UUID | None = None
    ) -> list[SilentRun]:
        """Return at most 500 silent runs, oldest first: `only` these, or those `behind` one."""
        rows = await self._pool.fetch(statements.load("list_silent_runs"), *search.arguments(), only, behind, AT_MOST)
        return [SilentRun(**dict(row)) for row in rows]

    async def mark_swept(self, runs: Sequence[SilentRun]) -> None:
        """Note that they were brought back, unless they have shown a sign of life."""
        columns = ([run.id for run in runs], [run.attempt for run in runs], [run.seen_at_ms for run in runs])
        await self._pool.execute(statements.load("mark_swept"), *columns)

    async def close(self, runs: Sequence[SilentRun]) -> int:
        """End runs that never showed with the error `unavailable`; return how many that were."""
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
