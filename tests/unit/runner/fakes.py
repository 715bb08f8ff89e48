"""What the runner's unit tests pass in: a clock that a test moves, a delivery, a recorder that answers claims."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TypeVar

from libs.common import ids, messages, topology
from libs.common.bus import port
from libs.common.bus.memory import broker, bus

NOW_MS = 1_800_000_000_000
DEADLINE_S = 10

Kind = TypeVar("Kind", bound=messages.Event)


class FakeClock:
    """Moves when it is told to; a `sleep` moves it. Time-outs fire when it has moved past them."""

    def __init__(self) -> None:
        self.at_ms = NOW_MS
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self._timeouts: list[FakeTimeout] = []
        self._armed = asyncio.Event()

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic(self) -> float:
        return self.at_ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()
        self.advance(seconds)
        await asyncio.sleep(0)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        timeout = FakeTimeout(self, self.monotonic() + seconds)
        self._timeouts.append(timeout)
        self._armed.set()
        return timeout

    async def bounded(self, count: int = 1) -> None:
        """Return as soon as so many waits are bounded by a time-out."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self._timeouts) < count:
                self._armed.clear()
                await self._armed.wait()

    def turn_is_long(self) -> bool:
        return False

    def advance(self, seconds: float) -> None:
        self.at_ms += round(seconds * 1000)
        for timeout in tuple(self._timeouts):
            timeout.fire_if_due(self.monotonic())

    def forget(self, timeout: "FakeTimeout") -> None:
        self._timeouts.remove(timeout)


class FakeTimeout:
    """`asyncio.timeout` on a clock that a test moves."""

    def __init__(self, clock: FakeClock, deadline: float) -> None:
        self._clock = clock
        self._deadline = deadline
        self._real = asyncio.timeout(None)

    def fire_if_due(self, now: float) -> None:
        if now >= self._deadline and self._real.when() is None:
            self._real.reschedule(0)

    async def __aenter__(self) -> object:
        await self._real.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.forget(self)
        await self._real.__aexit__(kind, error, trace)


class FakeDelivery:
    """A delivery that remembers how it was settled."""

    def __init__(self, message: messages.Message, *, queue: str = "runs.sync.0.v1", redelivered: bool = False) -> None:
        self.queue = queue
        self.schema = message.schema
        self.body = messages.encode(message)
        self.message_id = ids.new_id()
        self.redelivered = redelivered
        self.lease = port.Lease()
        self.alone = True
        self.exchange = topology.RUNS
        self.key = "run.sync.0"
        self.settled: list[str] = []

    async def ack(self) -> None:
        self.settled.append("ack")

    async def give_back(self) -> None:
        self.settled.append("give_back")

    async def reject(self, reason: str) -> None:
        self.settled.append(f"reject: {reason}")


class Recorder:
    """Stands where the debugger stands: takes every event in order, and answers claims as a test says."""

    def __init__(self, broker: broker.MemoryBroker) -> None:
        self.events: list[messages.Event] = []
        self.answers: Callable[[messages.Claim], messages.Answer | None] = lambda _: None
        self._bus = bus.MemoryBus(broker)
        self._news = asyncio.Event()

    async def start(self) -> None:
        await self._bus.start()
        self._bus.subscribe(topology.RECORD, self._record, prefetch=100)

    async def stop(self) -> None:
        await self._bus.stop()

    async def _record(self, delivery: port.Delivery) -> None:
        event = messages.decode(delivery.schema, delivery.body)
        if isinstance(event, messages.Event):
            self.events.append(event)
            if isinstance(event, messages.Claim) and (answer := self.answers(event)) is not None:
                await self.answer(event.runner_id, answer)
        await delivery.ack()
        self._news.set()

    async def answer(self, runner_id: str, answer: messages.Answer) -> None:
        await self._bus.publish(port.letter(topology.CONTROL, topology.answer_key(runner_id), answer))

    async def publish(self, letter: port.Letter) -> None:
        await self._bus.publish(letter)

    async def wait_for(self, kind: type[Kind], count: int = 1) -> list[Kind]:
        """Return the events of a kind as soon as there are so many."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                self._news.clear()
                found = [event for event in self.events if isinstance(event, kind)]
                if len(found) >= count:
                    return found
                await self._news.wait()
