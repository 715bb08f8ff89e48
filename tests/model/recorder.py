"""The simulated recorder and scheduler: the real folding of batches, over rows in memory.

A batch goes through four moments (taken, committed, told, acknowledged) and may end at each. A recorder that was frozen
before its commit commits all the same, long after another one has recorded the same events and more; nobody hears what
it tells.
"""

from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Final

from libs.common import messages
from services.debugger import folding, records
from tests.model import broker, oracle

BATCH_MAX: Final = 6


@dataclass(slots=True)
class Recorder:
    """The rows, the batch in hand, and those that frozen predecessors have in hand."""

    queues: broker.Broker
    watch: oracle.Oracle
    rows: dict[str, records.RunRecord] = field(default_factory=dict)
    journals: dict[str, dict[str, bytes]] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)  # those that were consumed
    taken: int = 0
    told: folding.Consequences | None = None
    ghosts: list[list[Any]] = field(default_factory=list)

    def step(self) -> bool:
        """Go on by one moment; False if there is nothing to do."""
        if not self.taken:
            self.taken = min(len(self.queues.events), self.queues.rng.randint(1, BATCH_MAX))
            return self.taken > 0
        if self.told is None:
            self.told = self._commit(self.queues.events[: self.taken])
        else:
            self._tell(self.told)
            del self.queues.events[: self.taken]
            self.taken, self.told = 0, None
        return True

    def fail(self) -> None:
        """End at this moment. The batch comes again to the next one; this one may only have been frozen."""
        self.queues.log("recorder lost", "", self.taken, "not committed" if self.told is None else "committed")
        if self.told is None and self.queues.chance(0.5):
            self.ghosts.append(self.queues.events[: self.taken])
        elif self.told is not None and self.queues.chance(0.5):
            self._tell(self.told)  # it was only the acknowledgement that was lost
        self.taken, self.told = 0, None

    def haunt(self) -> None:
        """A frozen recorder wakes and commits what it had."""
        items = self.ghosts.pop(0)
        self.queues.log("recorder wakes", "", len(items))
        self._commit(items)

    def close(self, run_id: str) -> None:
        """End a run that never showed, as `close_refused_runs.sql` does."""
        run = self.rows[run_id]
        if run.state is not None and not run.state.ended and (run.seen_at_ms is None or not run.state.known):
            self.rows[run_id] = replace(run, state=replace(run.state, status="error"))
            self.watch.closed(run_id)

    def _commit(self, items: list[Any]) -> folding.Consequences:
        told = folding.Consequences()
        runs = {run_id: self._load(run_id) for run_id in {item.run_id for item in items} & self.rows.keys()}
        for run_id in {item.run_id for item in items if isinstance(item, messages.Claim)} & runs.keys():
            runs[run_id].journaled = dict(self.journals.get(run_id, {}))
        for item in items:
            self._fold(runs, item, told)
        for run in runs.values():
            if run.changed:
                self._store(run)
        self.marks.update(told.marks)
        return told

    def _fold(self, runs: dict[str, records.RunRecord], item: Any, told: folding.Consequences) -> None:
        """Fold one item: the same as the whole batch at once, but seen one by one."""
        before = runs[item.run_id].state if item.run_id in runs else None
        one = folding.fold(runs, [item], self.queues.now_ms)
        told.answers += one.answers
        told.marks += one.marks
        if isinstance(item, messages.Mark):
            return
        after = runs[item.run_id].state
        verdict = one.answers[0][1].verdict if one.answers else ""
        self.queues.log("record", item.run_id, item, verdict, after)
        if isinstance(item, messages.Claim):
            self.watch.answered(item, one.answers[0][1], self.queues.now_ms)
        self.watch.recorded(item, before, after)

    def _load(self, run_id: str) -> records.RunRecord:
        run = copy(self.rows[run_id])
        run.steps, run.journal, run.journaled = dict(run.steps), {}, {}
        run.changed, run.stored, run.ended_before = False, True, run.ended
        return run

    def _store(self, run: records.RunRecord) -> None:
        self.journals.setdefault(run.run_id, {}).update(run.journal)
        self.rows[run.run_id] = run

    def _tell(self, told: folding.Consequences) -> None:
        for runner_id, answer in told.answers:
            queue = self.queues.control.get(runner_id)
            if queue is not None:
                queue.append(answer)


@dataclass(slots=True)
class Scheduler:
    """Brings back what is due: it publishes, then it notes that it has, and may be lost in between."""

    queues: broker.Broker
    record: Recorder
    unmarked: list[tuple[str, int, int | None]] = field(default_factory=list)

    def step(self) -> bool:
        """Wake one run that is due, or note one that was woken; False if there is nothing to do."""
        if self.unmarked:
            self._mark(*self.unmarked.pop(0))
            return True
        for run in self.record.rows.values():
            state = run.state
            if state is None or state.parked_until_ms is None or run.woken_at_ms is not None or state.ended:
                continue
            if state.parked_until_ms <= self.queues.now_ms:
                self.queues.log("wake", run.run_id)
                self.queues.put(broker.CLAIMED, messages.Wake(run_id=run.run_id))
                self.unmarked.append((run.run_id, state.attempt, state.parked_until_ms))
                return True
        return False

    def fail(self) -> None:
        """Forget what was woken and not noted: it is woken again."""
        self.unmarked.clear()

    def _mark(self, run_id: str, attempt: int, until_ms: int | None) -> None:
        """Note it, if it is this wait still."""
        run = self.record.rows[run_id]
        if run.state is not None and (run.state.attempt, run.state.parked_until_ms) == (attempt, until_ms):
            self.record.rows[run_id] = replace(run, woken_at_ms=self.queues.now_ms)
