"""The simulated sweeper: the real proofs, and what the queries of the real one say, over rows in memory."""

from dataclasses import dataclass, field, replace
from typing import Final

from libs.common import messages
from services.debugger import proofs, records
from tests.model import broker, recorder

AGES: Final = proofs.Ages(claim_hold_s=300, sweep_after_s=360, sweep_anyway_s=4500)
MARK_TIMEOUT_MS: Final = 5 * broker.MINUTE


@dataclass(frozen=True, slots=True)
class Search:
    """Which runs count as silent, and the mark that must have been recorded before they are judged again."""

    anyway_before_ms: int
    proofs: proofs.Proofs
    mark: str
    suspects: tuple[str, ...] = ()
    given_up_ms: int = 0


@dataclass(slots=True)
class Sweeper:
    """Looks for silent runs, publishes a mark, and judges again when it is recorded."""

    queues: broker.Broker
    record: recorder.Recorder
    emptiness: proofs.Emptiness = field(default_factory=lambda: proofs.Emptiness(AGES))
    search: Search | None = None

    def step(self) -> bool:
        """Go on by one moment; False if there is nothing to do."""
        if self.search is None:
            return self._look()
        if self.search.mark in self.record.marks:
            for run_id in self.search.suspects:
                self._settle(self.search, self.record.rows[run_id])
            self.search = None
            return True
        if self.queues.now_ms > self.search.given_up_ms:
            self.search = None
        return False

    def _look(self) -> bool:
        at_ms = self.queues.now_ms
        depths = {queue: len(self.queues.work.get(queue, ())) for queue in proofs.QUEUES}
        self.emptiness.observe(depths, at_ms)
        search = Search(
            at_ms - AGES.anyway_ms,
            self.emptiness.proofs(at_ms, self._later_starts(at_ms)),
            self.queues.new_id("mark"),
            given_up_ms=at_ms + MARK_TIMEOUT_MS,
        )
        suspects = tuple(run_id for run_id, run in self.record.rows.items() if is_silent(run, search))
        if suspects:
            self.queues.log("mark", "", search.mark)
            self.search = replace(search, suspects=suspects)
            self.queues.events.append(messages.Mark(run_id=search.mark))
        return bool(suspects)

    def _later_starts(self, at_ms: int) -> dict[proofs.Lane, int]:
        """As `list_later_starts.sql`."""
        started_before_ms = at_ms - AGES.after_ms
        starts: dict[proofs.Lane, int] = {}
        for run in self.record.rows.values():
            if run.state is None or run.request is None or run.state.attempt > 1:
                continue
            if run.started_at_ms is not None and run.started_at_ms < started_before_ms:
                lane = (run.request.mode, run.request.lane)
                starts[lane] = max(starts.get(lane, 0), run.received_at_ms)
        return starts

    def _settle(self, search: Search, run: records.RunRecord) -> None:
        if not is_silent(run, search):
            return
        assert run.state is not None
        if not run.state.known or (run.state.refused and run.seen_at_ms is None):
            self.queues.log("close", run.run_id)
            self.record.close(run.run_id)
            return
        self.queues.log("sweep", run.run_id, run.state)
        self.queues.put(broker.CLAIMED, messages.Wake(run_id=run.run_id, replaces=run.state.held))
        if self.queues.chance(0.7):  # else the sweeper is lost in between, and publishes it again
            self.record.rows[run.run_id] = replace(run, swept_at_ms=self.queues.now_ms)


def is_silent(run: records.RunRecord, search: Search) -> bool:
    """As `list_silent_runs.sql`."""
    state = run.state
    if state is None or state.ended or (state.parked_until_ms is not None and run.woken_at_ms is None):
        return False
    signs = (run.received_at_ms, run.seen_at_ms, run.woken_at_ms, run.swept_at_ms)
    since_ms = max(at_ms for at_ms in signs if at_ms is not None)
    again_ms = search.proofs.again
    again = run.swept_at_ms is not None or run.woken_at_ms is not None
    lane_ms = search.proofs.every_lane
    if run.request is not None:
        lane_ms = search.proofs.lanes.get((run.request.mode, run.request.lane))
    if since_ms < search.anyway_before_ms:
        return True
    if again:
        return again_ms is not None and since_ms < again_ms
    if lane_ms is None:
        return False
    handed_back = state.released and state.parked_until_ms is None and state.holder is None
    if handed_back:
        return again_ms is not None and since_ms < min(lane_ms, again_ms)
    return run.seen_at_ms is None and since_ms < lane_ms
