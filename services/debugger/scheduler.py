"""The scheduler brings parked runs back when their time has come.

It publishes first and marks then, so a run is woken twice rather than never; the claims decide. It sleeps until the
next run is due, and looks again each second, since a run may park for less.
"""

import asyncio
from typing import Final, Protocol
from uuid import UUID

import asyncpg

from libs.common import messages, topology
from libs.common.bus import port
from services.debugger import publishing, recorder_metrics, rounds, statements

AT_MOST: Final = 500


class DueRuns(Protocol):
    """The parked runs."""

    async def due(self, limit: int) -> list[tuple[UUID, int]]:
        """Return those whose time has come, with their attempts."""

    async def mark_woken(self, runs: list[tuple[UUID, int]]) -> None:
        """Note that they were woken."""

    async def next_due_in_s(self) -> float | None:
        """Return in how many seconds the next one is due."""


class DueStore:
    """The parked runs in PostgreSQL."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def due(self, limit: int) -> list[tuple[UUID, int]]:
        """Return those whose time has come, with their attempts."""
        return [(row["id"], row["attempt"]) for row in await self._pool.fetch(statements.load("list_due_runs"), limit)]

    async def mark_woken(self, runs: list[tuple[UUID, int]]) -> None:
        """Note that they were woken."""
        ids, attempts = map(list, zip(*runs, strict=True))
        await self._pool.execute(statements.load("mark_woken"), ids, attempts)

    async def next_due_in_s(self) -> float | None:
        """Return in how many seconds the next one is due."""
        seconds: float | None = await self._pool.fetchval(statements.load("find_next_due"))
        return seconds


class Scheduler:
    """One of the leader's duties."""

    def __init__(self, bus: port.Bus, runs: DueRuns, *, every_s: float) -> None:
        self._bus = bus
        self._runs = runs
        self._every_s = every_s

    async def work(self) -> None:
        """Wake what is due, for ever; a round that fails is tried again."""
        await rounds.rounds(self._round, every_s=self._every_s, name="scheduler")

    async def _round(self) -> float:
        """Wake what is due now; return how long to sleep."""
        if await self.wake_due() == AT_MOST:
            return 0.0
        next_due_s = await self._runs.next_due_in_s()
        return self._every_s if next_due_s is None else min(self._every_s, max(0.0, next_due_s))

    async def wake_due(self) -> int:
        """Wake what is due; return how many runs that were."""
        due = await self._runs.due(AT_MOST)
        if not due:
            return 0
        letters = [
            port.letter(topology.AGAIN, "claimed", messages.Wake(run_id=str(run_id)), alone=True) for run_id, _ in due
        ]
        await asyncio.gather(*(publishing.publish_surely(self._bus, letter) for letter in letters))
        await self._runs.mark_woken(due)
        recorder_metrics.WOKEN.inc(len(due))
        return len(due)
