"""The runner as a part of a process: it subscribes, and it stops without losing anything.

To stop: nothing new is taken; what has not begun goes back at once; what runs is asked to leave at its next step that
acts or waits, and what is in such a step has the grace to finish it. Shortly before the grace is over the rest is
interrupted: its journal is handed back, confirmed, then its message. Only then are the channels closed.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from libs.common import clock, topology
from libs.common.bus import port
from services.runner import consumer, control, in_hand
from services.runner.orders import Order

log = structlog.get_logger(__name__)

CONTROL_PREFETCH: Final = 100
HAND_BACK_S: Final = 3.0  # what is left of the grace to hand back in


@dataclass(frozen=True, slots=True)
class Rules:
    """`own` is the runner's control queue, `lanes` are queues too, of each of which `prefetch` messages are in hand.

    `grace_s` bounds a stop.
    """

    own: str
    lanes: tuple[str, ...]
    prefetch: int
    grace_s: float


class Runner:
    """Takes work from its queues until it is stopped."""

    def __init__(
        self,
        bus: port.Bus,
        consumer: consumer.Consumer,
        control: control.Control,
        held: in_hand.InHand,
        clock: clock.Clock,
        rules: Rules,
    ) -> None:
        self._bus = bus
        self._consumer = consumer
        self._control = control
        self._held = held
        self._clock = clock
        self._rules = rules
        self._work: list[port.Subscription] = []
        self._own: port.Subscription | None = None

    @property
    def ready(self) -> bool:
        """Whether it takes work now."""
        return bool(self._work) and self._bus.ready

    async def start(self) -> None:
        """Subscribe: to its own queue first, so that no answer comes before somebody listens."""
        self._own = self._bus.subscribe(self._rules.own, self._control.handle, prefetch=CONTROL_PREFETCH)
        for queue in (*self._rules.lanes, topology.CLAIMED):
            self._take_from(queue, self._rules.prefetch)
        self._take_from(topology.SUSPECT, 1)  # a poison run takes nothing along that has been claimed

    def _take_from(self, queue: str, prefetch: int) -> None:
        self._work.append(self._bus.subscribe(queue, self._consumer.handle, prefetch=prefetch))

    async def stop(self) -> None:
        """Stop within the grace; see the module's text."""
        work, self._work = self._work, []
        own, self._own = self._own, None
        await asyncio.gather(*(subscription.pause() for subscription in work))
        if work:
            await self._let_go()
        for subscription in (*work, *([own] if own is not None else [])):
            await subscription.close()

    async def _let_go(self) -> None:
        grace_s = self._rules.grace_s
        log.info("runner_stopping", in_hand=len(self._held), grace_s=grace_s)
        self._held.order_all(Order.STOP)
        hand_back_s = min(HAND_BACK_S, grace_s / 2)
        if await self._empty_within(grace_s - hand_back_s):
            return
        self._held.order_all(Order.INTERRUPT)
        if not await self._empty_within(hand_back_s):
            log.warning("runner_leaves_work", in_hand=len(self._held))

    async def _empty_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with self._clock.timeout(seconds):
                await self._held.wait_empty()
        return len(self._held) == 0
