"""The sweeper brings back what was accepted and has lost its message: a purged queue, a lost binding.

What is done about a run is judged in `sweeping`; here the facts are gathered, the mark goes through the recorder's
queue, and what was judged is carried out: published again, or closed.
"""

import asyncio
from typing import Final

import structlog

from libs.common import ids, messages, topology
from libs.common.bus import port
from services.debugger import publishing, recorder_metrics, sightings, sweeping
from services.debugger.silence_store import Search, SilenceStore, SilentRun

log = structlog.get_logger(__name__)

MARK_TIMEOUT_S: Final = 300.0
_AT_ONCE: Final = sweeping.Ages(after_ms=0, anyway_ms=0)


class Sweeper:
    """One of the leader's duties.

    `forgetful`: the broker begins empty with this process, so its first round brings back all that was accepted before.
    """

    def __init__(
        self,
        bus: port.Bus,
        runs: SilenceStore,
        ages: sweeping.Ages,
        *,
        every_s: float,
        forgetful: bool = False,
    ) -> None:
        self._bus = bus
        self._runs = runs
        self._ages = ages
        self._every_s = every_s
        self._sightings = sightings.Sightings(ages.after_ms)
        self._recorded_ms = 0  # when the last mark was published that the recorder has consumed
        self._lost_before_ms = ids.made_at_ms(ids.new_id()) if forgetful else None

    async def work(self) -> None:
        """Sweep, for ever; a round that fails is tried again."""
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("sweep_later")
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> None:
        """Do one round."""
        await self._sweep_what_was_lost()
        at_ms = await self._look()
        search = self._search(at_ms)
        verdicts = self._judge(await self._runs.silent(search), at_ms)
        if verdicts["mark"]:
            await self._wait_for_recorder()
            again = Search(
                search.quiet_before_ms,
                search.passed,
                search.all_passed_ms,
                only=[run.id for runs in verdicts.values() for run in runs],
            )
            verdicts = self._judge(await self._runs.silent(again), at_ms)
        await self._carry_out(verdicts)

    async def _sweep_what_was_lost(self) -> None:
        """Bring back what an empty broker cannot hold: what was quiet already when this process began."""
        if self._lost_before_ms is None:
            return
        lost = Search(sightings.NO_BOUND, all_before_ms=self._lost_before_ms)
        while runs := await self._runs.silent(lost):
            verdicts = _sorted(runs, _AT_ONCE, self._lost_before_ms, self._lost_before_ms)
            await self._carry_out(verdicts)
            if not verdicts["wake"] and not verdicts["close"]:
                break
        self._lost_before_ms = None

    async def _look(self) -> int:
        """Look at the lanes; return the time."""
        at_ms = await self._runs.clock_ms()
        self._sightings.see_depths(await self._bus.depths(tuple(sightings.QUEUES)), at_ms)
        self._sightings.see_begun(await self._runs.overtaken(at_ms - self._ages.after_ms), at_ms)
        return at_ms

    def _search(self, at_ms: int) -> Search:
        return Search(
            at_ms - self._ages.anyway_ms, self._sightings.ripe(at_ms), self._sightings.every_lane_empty(at_ms)
        )

    def _judge(self, runs: list[SilentRun], at_ms: int) -> dict[sweeping.Action, list[SilentRun]]:
        return _sorted(runs, self._ages, at_ms, self._recorded_ms)

    async def _wait_for_recorder(self) -> None:
        mark = messages.Mark(run_id=ids.new_id())
        published_ms = await self._runs.clock_ms()
        async with self._runs.recorded(mark.run_id) as done, asyncio.timeout(MARK_TIMEOUT_S):
            await publishing.publish_surely(self._bus, port.letter(topology.EVENTS, "mark", mark))
            await done
        self._recorded_ms = published_ms

    async def _carry_out(self, verdicts: dict[sweeping.Action, list[SilentRun]]) -> None:
        if close := verdicts["close"]:
            recorder_metrics.CLOSED.inc(await self._runs.close(close))
            log.warning("runs_closed", count=len(close))
        if wake := verdicts["wake"]:
            await asyncio.gather(*(publishing.publish_surely(self._bus, _message(run)) for run in wake))
            await self._runs.mark_swept(wake)
            recorder_metrics.SWEPT.inc(len(wake))
            log.warning("runs_swept", count=len(wake))


def _sorted(
    runs: list[SilentRun], ages: sweeping.Ages, at_ms: int, recorded_ms: int
) -> dict[sweeping.Action, list[SilentRun]]:
    verdicts: dict[sweeping.Action, list[SilentRun]] = {"leave": [], "mark": [], "wake": [], "close": []}
    for run in runs:
        verdicts[sweeping.judge(run.facts, ages, at_ms, recorded_ms)].append(run)
    return verdicts


def _message(run: SilentRun) -> port.Letter:
    return port.letter(topology.AGAIN, "claimed", messages.Wake(run_id=str(run.id), replaces=run.held), alone=True)
