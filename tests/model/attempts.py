"""The simulated engine: the steps of an attempt, what it publishes between them, how it ends.

Steps are letters: `p` computes, `e` acts, `w` waits without a runner. The trail of finished steps is the real one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from libs.common import messages
from services.runner import outcomes, trail
from tests.model import broker
from tests.model.broker import MINUTE
from tests.model.flow import Flow, step_of
from tests.model.oracle import Effect, Oracle
from tests.model.slots import Sending, Slot

HOLD_MS: Final = 10 * MINUTE


class Host(Protocol):
    """The runner, as an attempt sees it."""

    id: str
    queues: broker.Broker
    watch: Oracle
    flows: dict[str, Flow]
    stopping: bool
    killed: bool

    def send(self, body: Any, slot: Slot | None, then: Callable[[Slot], None] | None, queue: str = "") -> Sending:
        """Publish."""

    def settle(self, slot: Slot, outcome: outcomes.Outcome) -> None:
        """Be done with a message."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """What a runner does with what was granted."""

    _runner: Host

    def start(self, slot: Slot, attempt: int, frozen_ms: int, journal: tuple[messages.Step, ...]) -> None:
        slot.attempt, slot.frozen_ms = attempt, frozen_ms
        slot.behind = trail.Trail(journal, lambda steps: self._announce(slot, steps))
        now_ms = self._runner.queues.now_ms
        started = messages.Started(
            run_id=slot.run_id, attempt=attempt, at_ms=now_ms, now_ms=frozen_ms, runner_id=self._runner.id
        )
        if attempt > 1:
            slot.stage = "starting"
            self._runner.send(started, slot, _is_ready)
            return
        slot.stage = "ready"
        if not self._runner.flows[slot.run_id].pure:
            self._runner.send(started, None, None)

    def _announce(self, slot: Slot, steps: tuple[messages.Step, ...]) -> Sending:
        event = messages.StepsDone(run_id=slot.run_id, attempt=slot.attempt, now_ms=slot.frozen_ms, steps=steps)
        slot.sending = self._runner.send(event, None, None)
        return slot.sending

    def awaits(self, slot: Slot) -> bool:
        """Tell whether the next step acts or waits, and what was journaled before is not confirmed yet."""
        if slot.sending is None or slot.sending.landed:
            return False
        steps = self._runner.flows[slot.run_id].steps
        return slot.at < len(steps) and steps[slot.at] != "p"

    def go_on(self, slot: Slot) -> None:
        """Do the next step, or end."""
        flow, path = self._runner.flows[slot.run_id], str(slot.at)
        assert slot.behind is not None
        if slot.at == len(flow.steps):
            self._end(slot)
            return
        kind = flow.steps[slot.at]
        if path in slot.behind.known:
            if kind == "w":
                self._runner.watch.passes_wait(slot.run_id, path, self._runner.queues.now_ms)
            slot.at += 1
        elif kind == "p":
            self._die_of(slot)
            slot.behind.add(step_of(path, slot.frozen_ms, self._runner.queues.now_ms))
            slot.at += 1
        elif self._runner.stopping:
            self.hand_back(slot)
        elif self._runner.queues.now_ms - slot.since_ms > HOLD_MS:
            self._park(slot, self._runner.queues.now_ms, "queued", slot.behind.unconfirmed())
        elif kind == "w":
            until_ms = self._runner.queues.now_ms + flow.wait_ms
            waiting = step_of(path, slot.frozen_ms, self._runner.queues.now_ms)
            self._park(slot, until_ms, "waiting", (*slot.behind.unconfirmed(), waiting))
        else:
            slot.stage = "acting"
            slot.effect = Effect(slot.attempt, slot.frozen_ms)
            self._runner.queues.log("act", slot.run_id, self._runner.id, path, slot.attempt)
            self._runner.watch.begins(slot.run_id, path, slot.effect)

    def acted(self, slot: Slot) -> None:
        """A step that acts is done: tell, and go on."""
        assert slot.behind is not None
        if self._die_of(slot):
            return
        slot.behind.add(step_of(str(slot.at), slot.frozen_ms, self._runner.queues.now_ms))
        slot.behind.publish()
        slot.at += 1
        slot.stage, slot.effect = "ready", None

    def _die_of(self, slot: Slot) -> bool:
        if self._runner.flows[slot.run_id].poison == slot.at:
            self._runner.killed = True
        return self._runner.killed

    def _end(self, slot: Slot) -> None:
        now_ms = self._runner.queues.now_ms
        assert slot.behind is not None
        result = messages.Result(
            run_id=slot.run_id,
            attempt=slot.attempt,
            status="success",
            steps=slot.behind.unconfirmed(),
            started_at_ms=now_ms,
            finished_at_ms=now_ms,
            queued_ms=0,
            run_ms=0,
        )
        self._leave(slot, result, outcomes.Finished((), 0))

    def _park(self, slot: Slot, until_ms: int, status: messages.ParkStatus, steps: tuple[messages.Step, ...]) -> None:
        parked = messages.Parked(
            run_id=slot.run_id, attempt=slot.attempt, until_ms=until_ms, status=status, steps=steps
        )
        self._leave(slot, parked, outcomes.Parked(until_ms, status))

    def hand_back(self, slot: Slot) -> None:
        assert slot.behind is not None
        event = messages.HandedBack(
            run_id=slot.run_id, attempt=slot.attempt, now_ms=slot.frozen_ms, steps=slot.behind.unconfirmed()
        )
        self._leave(slot, event, outcomes.Interrupted())

    def _leave(self, slot: Slot, event: messages.Event, outcome: outcomes.Outcome) -> None:
        slot.stage = "leaving"
        self._runner.send(event, slot, lambda slot: self._runner.settle(slot, outcome))


def _is_ready(slot: Slot) -> None:
    slot.stage = "ready"
