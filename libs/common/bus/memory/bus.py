"""The bus of one part of the process: its publishes, its consumers, its life."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from libs.common import errors, ids, topology
from libs.common.bus import port
from libs.common.bus.memory import broker as brokers
from libs.common.bus.memory.queues import Message
from libs.common.bus.memory.subscriptions import MemorySubscription

log = structlog.get_logger(__name__)

# A letter that waits for its consumer's acknowledgement is not lost on any wire, so to call its outcome unknown after
# two seconds would only make its publisher send it again. Half a minute is what a sender waits at most.
LATE_CONFIRM_TIMEOUT_S: Final = 30.0


class MemoryBus:
    """A connection to a `MemoryBroker`, see `port.Bus`. `own` are the queues of its process, declared with it."""

    def __init__(self, broker: brokers.MemoryBroker, own: tuple[topology.Queue, ...] = ()) -> None:
        self._broker = broker
        self._own = own
        self._subscriptions: list[MemorySubscription] = []
        self._pending: set[asyncio.Future[None]] = set()
        self._ready = asyncio.Event()
        self._alive = False
        self._connected = False

    @property
    def ready(self) -> bool:
        """Whether publishing is open."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Connect now if the broker is there, else as soon as it is."""
        self._alive = True
        self._broker.attach(self)
        self.broker_changed()

    async def stop(self) -> None:
        """Wait a moment for what has no confirm yet, then end every lease."""
        if self._alive and self._pending:
            await asyncio.wait(self._pending, timeout=port.PUBLISH_TIMEOUT_S)
        self.kill()

    def kill(self) -> None:
        """End as a process does that is killed: what it holds comes again to others, what it sent stays unknown."""
        self._alive = False
        self._broker.detach(self)
        self.broker_changed()

    async def wait_ready(self) -> None:
        """Return as soon as `ready` holds."""
        await self._ready.wait()

    def publish(self, letter: port.Letter) -> asyncio.Future[None]:
        """Send a letter, see `port.Bus`.

        One whose confirm waits for a consumer is `OutcomeUnknown` only after `LATE_CONFIRM_TIMEOUT_S`.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_look_at)
        refusal = self._refusal(letter)
        if refusal is not None:
            future.set_exception(refusal)
            return future
        self._send(letter, future)
        return future

    def subscribe(self, queue: str, handler: port.Handler, *, prefetch: int) -> MemorySubscription:
        """Consume a queue, see `port.Bus`."""
        subscription = MemorySubscription(self._broker, queue, handler, prefetch)
        self._subscriptions.append(subscription)
        if self._connected:
            subscription.begin()
        return subscription

    async def depths(self, queues: tuple[str, ...]) -> Mapping[str, int]:
        """Return how many messages wait in each queue; `BusUnavailable` if the broker or one of them is away."""
        if not self.ready:
            raise errors.BusUnavailable("blocked" if self._connected else "not connected")
        found = {name: self._broker.queue(name) for name in queues}
        missing = [name for name, queue in found.items() if queue is None]
        if missing:
            raise errors.BusUnavailable(f"no queue {missing[0]}")
        return {name: queue.depth for name, queue in found.items() if queue is not None}

    def broker_changed(self) -> None:
        """Follow the broker: connect, lose the connection, notice a block."""
        connected = self._alive and self._broker.is_up
        if connected and not self._connected:
            self._connect()
        elif self._connected and not connected:
            self._lose()
        if self._connected and not self._broker.is_blocked:
            self._ready.set()
        else:
            self._ready.clear()

    def _connect(self) -> None:
        self._connected = True
        for queue in self._own:
            self._broker.declare(queue)
        for subscription in self._subscriptions:
            subscription.begin()

    def _lose(self) -> None:
        self._connected = False
        for subscription in self._subscriptions:
            subscription.end()
        for future in tuple(self._pending):
            _fail(future, errors.OutcomeUnknown("the connection was lost before the confirm"))

    def _refusal(self, letter: port.Letter) -> errors.BusError | None:
        if letter.lease is not None and letter.lease.lost:
            return errors.LeaseLost("the lease is over")
        if len(letter.body) > port.MAX_MESSAGE_BYTES:
            return errors.MessageTooLarge(f"{len(letter.body)} bytes, {port.MAX_MESSAGE_BYTES} at most")
        if not self.ready:
            return errors.BusUnavailable("blocked" if self._connected else "not connected")
        return None

    def _send(self, letter: port.Letter, future: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        self._pending.add(future)
        late = self._broker.late(letter.exchange, letter.key)
        timeout_s = LATE_CONFIRM_TIMEOUT_S if late else port.PUBLISH_TIMEOUT_S
        timer = loop.call_later(timeout_s, _fail, future, errors.OutcomeUnknown(f"not confirmed within {timeout_s} s"))
        future.add_done_callback(self._pending.discard)
        future.add_done_callback(lambda _: timer.cancel())
        message = Message(letter.exchange, letter.key, letter.schema, letter.body, ids.new_id())

        # The confirm comes in a later turn of the loop, as from a real broker, so that a publisher who awaits one
        # letter after the other lets others run.
        def confirm() -> None:
            loop.call_soon(_succeed, future)

        match self._broker.publish(message, confirm):
            case brokers.UNROUTABLE:
                loop.call_soon(_fail, future, errors.Unroutable(f"no queue takes {letter.exchange} {letter.key}"))
            case brokers.REFUSED:
                loop.call_soon(_fail, future, errors.Nacked("a queue is full"))


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: asyncio.Future[None], error: errors.BusError) -> None:
    if not future.done():
        future.set_exception(error)


def _look_at(future: asyncio.Future[None]) -> None:
    """Let nobody be told of an outcome that nobody asked for."""
    if not future.cancelled():
        future.exception()
