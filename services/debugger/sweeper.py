"""The sweeper brings back what was accepted and has lost its message: a purged queue, a lost binding.

A run that is silent for too long is published again, to be claimed; one whose sender was told 503 and that never showed
is closed instead. That its message is gone must be proven (`proofs`), and judged by the recorder's position, not by the
clock: a mark goes through the recorder's queue, and only what is still silent behind it counts. After `sweep_anyway` no
proof is needed, since by then every message that is left must claim.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from libs.common import ids, messages, times, topology
from libs.common.bus import port
from services.debugger import proofs, publishing, recorder_metrics, rounds
from services.debugger.silence_store import Search, SilenceStore, SilentRun

log = structlog.get_logger(__name__)

MARK_TIMEOUT_S: Final = 300.0


class Sweeper:
    """One of the leader's duties.

    `forgetful`: the broker begins empty with this process, so its first round brings back all that was accepted before.
    """

    def __init__(
        self,
        bus: port.Bus,
        runs: SilenceStore,
        ages: proofs.Ages,
        *,
        every_s: float,
        forgetful: bool = False,
        clock: Callable[[], int] = times.now_ms,
    ) -> None:
        self._bus = bus
        self._runs = runs
        self._ages = ages
        self._every_s = every_s
        self._clock = clock
        self._emptiness = proofs.Emptiness(ages)
        self._lost_before_ms = clock() if forgetful else None

    async def work(self) -> None:
        """Sweep, for ever; a round that fails is tried again."""
        await rounds.rounds(self._round, every_s=self._every_s, name="sweeper")

    async def _round(self) -> float:
        await self.sweep()
        return self._every_s

    async def sweep(self) -> None:
        """Do one round."""
        await self._sweep_what_was_lost()
        at_ms = self._clock()
        self._emptiness.observe(await self._bus.depths(proofs.QUEUES), at_ms)
        search = await self._search(at_ms)
        suspects = await self._runs.silent(search)
        if suspects:
            await self._wait_for_recorder()
            await self._settle(await self._runs.silent(search, only=[run.id for run in suspects]))

    async def _sweep_what_was_lost(self) -> None:
        if self._lost_before_ms is None:
            return
        everything = Search(self._lost_before_ms, proofs.Proofs({}, None))
        last = None
        while runs := await self._runs.silent(everything, behind=last):
            await self._settle(runs)
            last = runs[-1].id
        self._lost_before_ms = None

    async def _search(self, at_ms: int) -> Search:
        started_before_ms = at_ms - self._ages.after_ms
        later_starts = await self._runs.later_starts(started_before_ms - self._ages.margin_ms, started_before_ms)
        return Search(at_ms - self._ages.anyway_ms, self._emptiness.proofs(at_ms, later_starts))

    async def _wait_for_recorder(self) -> None:
        mark = messages.Mark(run_id=ids.new_id())
        async with self._runs.recorded(mark.run_id) as done, asyncio.timeout(MARK_TIMEOUT_S):
            await publishing.publish_surely(self._bus, port.letter(topology.EVENTS, "mark", mark))
            await done

    async def _settle(self, runs: list[SilentRun]) -> None:
        close = [run for run in runs if run.never_was]
        wake = [run for run in runs if not run.never_was]
        if close:
            recorder_metrics.CLOSED.inc(await self._runs.close(close))
            log.warning("runs_closed", count=len(close))
        if wake:
            await asyncio.gather(*(publishing.publish_surely(self._bus, _message(run)) for run in wake))
            await self._runs.mark_swept(wake)
            recorder_metrics.SWEPT.inc(len(wake))
            log.warning("runs_swept", count=len(wake))


def _message(run: SilentRun) -> port.Letter:
    return port.letter(topology.AGAIN, "claimed", messages.Wake(run_id=str(run.id), replaces=run.held), alone=True)
