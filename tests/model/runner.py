"""The simulated runner: what it does with a message between two moments at which it can be lost.

It publishes and consumes on one connection. What it publishes waits in `outbox` until it lands, in order; a confirm is
seen in the moment of landing, so that what landed unseen is what a loss leaves behind (`lose`). The table of
settlements is the real one.

A frozen runner that wakes is not played: it may repeat the one effect that it was in, and nothing of it lands.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from libs.common import messages
from services.runner import outcomes, settlement
from tests.model import broker
from tests.model.attempts import Attempts
from tests.model.broker import MINUTE, SECOND
from tests.model.flow import Flow
from tests.model.oracle import Oracle
from tests.model.slots import Sending, Slot

CLAIM_AGE_MS: Final = 60 * MINUTE
CLAIM_HOLD_MS: Final = 5 * MINUTE
ANSWER_MS: Final = 10 * MINUTE
CHANNEL_MS: Final = 30 * MINUTE  # the broker ends a channel that holds a message for longer
SILENCE_MS: Final = 30 * SECOND  # a connection that moves nothing for longer is lost
RESTS_MS: Final = (30 * SECOND, 4 * MINUTE, CLAIM_HOLD_MS, 6 * MINUTE)
PREFETCH: Final = {**dict.fromkeys(broker.LANES, 2), broker.CLAIMED: 2, broker.SUSPECT: 1}


@dataclass(slots=True, eq=False)
class Runner:
    """One runner, from its start to its loss."""

    id: str
    queues: broker.Broker
    watch: Oracle
    flows: dict[str, Flow]
    slots: list[Slot] = field(default_factory=list)
    outbox: list[Sending] = field(default_factory=list)
    asking: dict[str, Slot] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    stopping: bool = False
    killed: bool = False
    attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        self.attempts = Attempts(self)

    # --- what may happen to it ---------------------------------------------------------------------------------------

    def lose(self) -> None:
        """Lose the connection: what was published landed up to some point, what was held comes again."""
        self.queues.log("lost", "", self.id, [slot.run_id[-1] + ":" + slot.stage for slot in self.slots])
        for _ in range(self.queues.rng.randint(0, len(self.outbox))):
            self._land(self.outbox.pop(0))
        for slot in self.slots:
            if slot.attempt > 1:
                self.watch.losses[slot.run_id] += 1
            self._cut(slot)
            self.queues.give_back(slot.message)
        self.slots.clear()
        self.outbox.clear()
        self.asking.clear()
        if self.queues.chance(0.3):
            self.queues.control[self.id].clear()

    def _cut(self, slot: Slot) -> None:
        for effect in self.watch.effects_of(slot.run_id, slot.attempt):
            effect.cut = True

    def stop(self) -> None:
        """Take nothing more, and hand back."""
        self.queues.log("stop", "", self.id)
        self.stopping = True
        for slot in list(self.slots):
            if slot.stage in ("held", "asked"):
                self._return_untouched(slot)

    def _return_untouched(self, slot: Slot) -> None:
        self.asking.pop(slot.nonce, None)
        self.settle(slot, outcomes.Untouched())

    def interrupt(self) -> None:
        """The grace is over: what acts is cut short and handed back."""
        for slot in self.slots:
            if slot.stage == "acting":
                self._cut(slot)
                self.attempts.hand_back(slot)

    # --- what it does ------------------------------------------------------------------------------------------------

    def choices(self) -> list[Callable[[], None]]:
        """Return what it can do now."""
        can: list[Callable[[], None]] = []
        if self.outbox:
            can.append(self.confirm)
        if self.queues.control[self.id]:
            can.append(self.hear)
        can += [partial(act, slot) for slot in self.slots if (act := self._next(slot)) is not None]
        if not self.stopping:
            can += [partial(self.take, queue) for queue in self._takable()]
        return can

    def _takable(self) -> list[str]:
        held = [slot.message.queue for slot in self.slots]
        return [queue for queue, most in PREFETCH.items() if self.queues.work[queue] and held.count(queue) < most]

    def _next(self, slot: Slot) -> Callable[[Slot], None] | None:
        match slot.stage:
            case "held" if self.queues.now_ms >= slot.rests_until_ms:
                return self._begin
            case "asked" if self.queues.now_ms - slot.asked_ms > ANSWER_MS:
                return self._put_off
            case "ready" if not self.attempts.awaits(slot):
                return self.attempts.go_on
            case "acting":
                return self.attempts.acted
        return None

    def take(self, queue: str) -> None:
        """Receive a message."""
        message = self.queues.work[queue].pop(0)
        self.queues.log("take", message.body.run_id, self.id, message)
        rest_ms = self.queues.rng.choice(RESTS_MS) if self.queues.chance(0.2) else 0
        self.slots.append(Slot(message, self.queues.now_ms, self.queues.now_ms + rest_ms))

    def confirm(self) -> None:
        """What was published first is held by the broker, and this is known."""
        self._land(sending := self.outbox.pop(0))
        if sending.then is not None and sending.slot is not None:
            sending.then(sending.slot)

    def doubt(self) -> None:
        """It is not known whether what was published first has landed: it is published again."""
        sending = self.outbox.pop(0)
        if self.queues.chance(0.5):
            self._land(sending)
        sending.at_ms, sending.landed = self.queues.now_ms, False
        self.outbox.append(sending)

    def _land(self, sending: Sending) -> None:
        sending.landed = True
        if sending.queue:
            self.queues.log("publish", sending.body.run_id, self.id, sending.queue, sending.body)
            self.queues.put(sending.queue, sending.body)
        else:
            self.queues.events.append(sending.body)
            self.watch.lands(sending.body)

    def send(self, body: Any, slot: Slot | None, then: Callable[[Slot], None] | None, queue: str = "") -> Sending:
        sending = Sending(queue, body, self.queues.now_ms, slot, then)
        self.outbox.append(sending)
        return sending

    def settle(self, slot: Slot, outcome: outcomes.Outcome) -> None:
        self.slots.remove(slot)
        if settlement.settlement(outcome) is settlement.Settlement.GIVE_BACK:
            self.queues.give_back(slot.message)

    # --- claims ------------------------------------------------------------------------------------------------------

    def _begin(self, slot: Slot) -> None:
        """Run it at once if it is fresh; else ask."""
        message, now_ms = slot.message, self.queues.now_ms
        request = message.body
        if (
            not message.redelivered
            and isinstance(request, messages.RunRequest)
            and not request.must_claim
            and now_ms - request.received_at_ms <= CLAIM_AGE_MS
            and now_ms - slot.since_ms <= CLAIM_HOLD_MS
        ):
            self.attempts.start(slot, 1, now_ms, ())
            return
        wake = request if isinstance(request, messages.Wake) else None
        slot.stage, slot.nonce = "claiming", self.queues.new_id("n")
        claim = messages.Claim(
            run_id=slot.run_id,
            message_id=message.id,
            nonce=slot.nonce,
            runner_id=self.id,
            at_ms=now_ms,
            suspect=message.queue == broker.SUSPECT,
            redelivered=message.redelivered,
            replaces=None if wake is None else wake.replaces,
            replaces_nonce=None if wake is None else wake.replaces_nonce,
            request=request if isinstance(request, messages.RunRequest) else None,
        )
        self.asking[slot.nonce] = slot
        self.send(claim, slot, self._asked)

    def _asked(self, slot: Slot) -> None:
        """Only now may the message go back: a claim that landed behind its successor's would take the run from it."""
        if slot.stage == "claiming" and slot in self.slots:
            slot.stage, slot.asked_ms = "asked", self.queues.now_ms
            if self.stopping:
                self._return_untouched(slot)

    def hear(self) -> None:
        """Take an answer."""
        answer = self.queues.control[self.id].pop(0)
        slot = self.asking.pop(answer.nonce, None)
        if slot is None:
            if answer.verdict == "go" and answer.nonce not in self.answered:
                self.queues.log("unwanted", answer.run_id, self.id, answer.attempt)
                now_ms = self.queues.now_ms
                parked = messages.Parked(run_id=answer.run_id, attempt=answer.attempt, until_ms=now_ms, status="queued")
                self.send(parked, None, None)
            return
        self.queues.log("answer", answer.run_id, self.id, answer.nonce, answer.verdict, answer.attempt)
        self.answered.add(answer.nonce)
        match answer.verdict:
            case "drop":
                self.settle(slot, outcomes.Dropped())
            case "suspect":
                self._replace(slot, broker.SUSPECT, messages.Wake(run_id=slot.run_id, replaces=answer.replaces))
            case "go":
                now_ms = self.queues.now_ms if answer.now_ms is None else answer.now_ms
                self.attempts.start(slot, answer.attempt, now_ms, answer.journal)

    def _put_off(self, slot: Slot) -> None:
        """No answer for ten minutes: make room."""
        del self.asking[slot.nonce]
        body = slot.message.body
        replaces = body.replaces if isinstance(body, messages.Wake) else None
        self._replace(
            slot, broker.LATER, messages.Wake(run_id=slot.run_id, replaces=replaces, replaces_nonce=slot.nonce)
        )

    def _replace(self, slot: Slot, queue: str, wake: messages.Wake) -> None:
        slot.stage = "leaving"
        self.send(wake, slot, lambda slot: self.settle(slot, outcomes.Superseded()), queue)
