"""From a delivery to its settlement: may it run here, when, and what follows.

A fresh message is run as attempt 1 without asking anybody. It is fresh if it was in no other hands, nobody marked it,
it is not too old, and this runner has not held it unstarted for too long: those bounds are what the sweeper relies on
when it declares a silent run lost. Everything else is claimed first.
"""

from dataclasses import dataclass

import structlog

from libs.common import clock, errors, messages
from libs.common.bus import port
from services.runner import claims, executor, grants, in_hand, metrics, orders, outcomes, settlement, states
from services.runner.orders import Order
from services.runner.slots import Slots

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """`claim_age_s`: older runs are claimed. `claim_hold_s`: so are those held unstarted for longer."""

    claim_age_s: float = 3600
    claim_hold_s: float = 300


class Consumer:
    """Handles the deliveries of all work queues."""

    def __init__(
        self,
        held: in_hand.InHand,
        slots: Slots,
        claims: claims.Claims,
        executor: executor.Executor,
        clock: clock.Clock,
        rules: Rules,
    ) -> None:
        self._in_hand = held
        self._slots = slots
        self._claims = claims
        self._executor = executor
        self._clock = clock
        self._rules = rules

    async def handle(self, delivery: port.Delivery) -> None:
        """Do what is to be done with a delivery, then settle it, exactly once."""
        try:
            message = messages.decode(delivery.schema, delivery.body)
        except errors.UnreadableMessage as error:
            await settlement.settle(delivery, outcomes.Unreadable(str(error)))
            return
        if not isinstance(message, messages.RunRequest | messages.Wake):
            await settlement.settle(delivery, outcomes.Unreadable(f"{delivery.schema} is no work"))
            return
        held = in_hand.Held(delivery, message, self._clock.monotonic())
        with self._in_hand.keep(held):
            outcome = await self._outcome(held)
            await settlement.settle(delivery, outcome)

    async def _outcome(self, held: in_hand.Held) -> outcomes.Outcome:
        try:
            return await self._taken(held)
        except orders.Told:
            return outcomes.Lost() if Order.LOST in held.orders.given else outcomes.Untouched()
        except errors.LeaseLost:
            return outcomes.Lost()

    async def _taken(self, held: in_hand.Held) -> outcomes.Outcome:
        request = self._fresh(held)
        if request is not None and await self._slot(held):
            if self._fresh(held):
                return await self._execute(grants.first(request, held, self._clock.now_ms()), held)
            self._slots.give(held.delivery.queue)
        granted = await self._claims.grant(held)
        if not isinstance(granted, grants.Grant):
            return granted
        if not await self._slot(held):
            return await self._executor.report(granted, outcomes.Parked(self._clock.now_ms(), "queued"))
        return await self._execute(granted, held)

    def _fresh(self, held: in_hand.Held) -> messages.RunRequest | None:
        """Return the request if it may run without asking."""
        request = held.message
        if held.delivery.redelivered or not isinstance(request, messages.RunRequest) or request.must_claim:
            return None
        young = self._clock.now_ms() - request.received_at_ms <= self._rules.claim_age_s * 1000
        return request if young else None

    async def _slot(self, held: in_hand.Held) -> bool:
        """Wait for a slot; False if there is none within `claim_hold_s`. A stopping runner takes none: `Told`."""
        if held.orders.given & orders.BEFORE_IT_BEGINS:
            raise orders.Told
        if self._slots.try_take(held.delivery.queue):
            return True
        try:
            with held.orders.interruptible(orders.BEFORE_IT_BEGINS):
                async with self._clock.timeout(self._rules.claim_hold_s):
                    await self._slots.take(held.delivery.queue)
        except TimeoutError:
            return False
        return True

    async def _execute(self, grant: grants.Grant, held: in_hand.Held) -> outcomes.Executed:
        """Execute within the slot that was taken; it is free again before anything is waited for at the end."""
        if not grant.journal:
            waited_s = (grant.now_ms - grant.request.received_at_ms) / 1000
            metrics.QUEUE_SECONDS.labels(grant.request.mode, grant.request.lane).observe(max(0.0, waited_s))
        try:
            executed = await self._executor.run(grant, held.orders)
        finally:
            self._slots.give(held.delivery.queue)
        outcome = await self._executor.report(grant, executed)
        metrics.RUNS.labels(states.after(states.State.RUNNING, states.event_of(outcome))).inc()
        if isinstance(outcome, outcomes.Finished | outcomes.Failed | outcomes.Cancelled):
            metrics.RUN_SECONDS.observe(outcome.ran_ms / 1000)
        return outcome
