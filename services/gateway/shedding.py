"""When a lane is too full to take one more: a 503 now instead of an answer that comes too late.

The wait to be expected is what waits in the lane's queue over the rate at which it is taken from it. Once a second the
broker is asked for the depths. The rate is not measured there but inferred: what this gateway had confirmed since the
last look, less what the queue has grown by, was taken by runners, *at least*: other gateways fed the queue too. Hence

- a higher figure is believed at once (a lower bound that rises is news about the true rate);
- a lower one only while something waits at both looks (an empty queue says nothing about what runners could do),
  and then with a half-life of ten seconds, so that a rolling restart of all runners is no overload;
- nothing is shed while fewer than `min_waiting` messages wait: a short queue is no overload whatever the estimate says.

What it gets wrong: with n gateways that share a lane evenly, each sees 1/n of what was fed, so in a *standing* queue it
underestimates the rate by up to n and sheds at up to 1/n of the limit (growth and peaks narrow that; it errs towards
503, never towards a growing wait). A lane whose runs become slower at once is noticed with the half-life. Runs that
share a message are counted as one where they were published in the same turn of the loop, which is how the bus packs.
"""

import asyncio
import math
from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog

from libs.common import errors, lifecycle, messages, topology
from libs.common.bus import port
from services.gateway import metrics

log = structlog.get_logger(__name__)

LIMITS_S: Final[Mapping[messages.Mode, float]] = {"sync": 30.0, "async": 45.0}
LOOK_EVERY_S: Final = 1.0
HALF_LIFE_S: Final = 10.0
MAX_RETRY_AFTER_S: Final = 60


class LaneLoad:
    """The estimate for one lane. Pure; times are seconds, counts are messages."""

    def __init__(self, *, limit_s: float, min_waiting: int) -> None:
        self._limit_s = limit_s
        self._min_waiting = min_waiting
        self._waiting: int | None = None
        self._rate = 0.0

    @property
    def expected_wait_s(self) -> float:
        """How long what comes now is going to wait; infinite while nothing is taken at all."""
        if not self._waiting:
            return 0.0
        return self._waiting / self._rate if self._rate > 0 else math.inf

    def look(self, waiting: int, *, fed: int, elapsed_s: float) -> None:
        """Take what waits now, and how many messages were confirmed since the last look, so many seconds ago."""
        before, self._waiting = self._waiting, waiting
        if before is None:
            return
        taken_per_s = max(0.0, (fed - (waiting - before)) / elapsed_s)
        if taken_per_s >= self._rate:
            self._rate = taken_per_s
        elif before and waiting:
            kept: float = 0.5 ** (elapsed_s / HALF_LIFE_S)
            self._rate = self._rate * kept + taken_per_s * (1 - kept)

    def forget(self) -> None:
        """Know nothing of what waits: the broker was away."""
        self._waiting = None

    def retry_after_s(self) -> int | None:
        """Return None if one more may come, else when to try again, in whole seconds."""
        if self._waiting is None or self._waiting < self._min_waiting or self.expected_wait_s <= self._limit_s:
            return None
        return math.ceil(min(MAX_RETRY_AFTER_S, max(1.0, self.expected_wait_s - self._limit_s)))


class Shedding:
    """The duty that looks, and the question whether a run may come."""

    def __init__(self, bus: port.Bus, *, min_waiting: int) -> None:
        self._bus = bus
        self._lanes = {
            topology.lane_queue(mode, lane): LaneLoad(limit_s=limit_s, min_waiting=min_waiting)
            for mode, limit_s in LIMITS_S.items()
            for lane in range(topology.LANES)
        }
        self._queues = tuple(self._lanes)
        self._fed = dict.fromkeys(self._queues, 0)
        self._packs: dict[str, int] = {}
        self._looked_at_s: float | None = None
        self._duty = lifecycle.Duty("shedding", lambda: lifecycle.every(LOOK_EVERY_S, self.look, name="shedding"))

    async def start(self) -> None:
        """Begin to look."""
        await self._duty.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._duty.stop()

    def admit(self, mode: messages.Mode, lane: int) -> None:
        """Return if the lane can take one more; `Unavailable` with a true `Retry-After` if not."""
        retry_after_s = self._lanes[topology.lane_queue(mode, lane)].retry_after_s()
        if retry_after_s is not None:
            metrics.OVERLOADED.inc()
            raise errors.Unavailable(
                "More requests wait than can be answered in time. Try again later.",
                headers={"Retry-After": str(retry_after_s)},
            )

    def published(self, mode: messages.Mode, lane: int, *, alone: bool, outcome: "asyncio.Future[None]") -> None:
        """Count the message that a run travels in, once the broker has taken it."""
        queue = topology.lane_queue(mode, lane)
        if alone or self._begins_pack(queue):
            outcome.add_done_callback(partial(self._count, queue))

    def _begins_pack(self, queue: str) -> bool:
        """Tell whether a run is the first of its message: what is published in one turn of the loop shares one."""
        if not self._packs:
            asyncio.get_running_loop().call_soon(self._packs.clear)
        packed = self._packs.get(queue, 0)
        self._packs[queue] = packed + 1
        return packed % port.MAX_PACK == 0

    def _count(self, queue: str, outcome: "asyncio.Future[None]") -> None:
        if not outcome.cancelled() and outcome.exception() is None:
            self._fed[queue] += 1

    async def look(self) -> None:
        """Ask the broker once, and take what it says."""
        now_s = asyncio.get_running_loop().time()
        try:
            depths = await self._bus.depths(self._queues)
        except errors.BusUnavailable:
            self._looked_at_s = None
            for load in self._lanes.values():
                load.forget()
            return
        elapsed_s = now_s - self._looked_at_s if self._looked_at_s is not None else LOOK_EVERY_S
        self._looked_at_s = now_s
        for queue, load in self._lanes.items():
            load.look(depths[queue], fed=self._fed[queue], elapsed_s=max(elapsed_s, 0.001))
            self._fed[queue] = 0
