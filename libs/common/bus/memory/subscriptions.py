"""Consumers and deliveries of the memory adapter."""

import asyncio
import contextvars
from dataclasses import dataclass

import structlog

from libs.common.bus import port
from libs.common.bus.memory.broker import MemoryBroker
from libs.common.bus.memory.queues import Consumer, Entry, MemoryQueue

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class MemoryDelivery:
    """See `port.Delivery`. Each is a message of its own."""

    lease: port.Lease
    redelivered: bool
    _queue: MemoryQueue
    _consumer: Consumer
    _entry: Entry

    @property
    def queue(self) -> str:
        """The queue that it came from."""
        return self._queue.spec.name

    @property
    def schema(self) -> str:
        """The schema of its body."""
        return self._entry.message.schema

    @property
    def body(self) -> bytes:
        """Its bytes."""
        return self._entry.message.body

    @property
    def message_id(self) -> str:
        """The id of the message."""
        return self._entry.message.message_id

    @property
    def alone(self) -> bool:
        """Whether it shares its message with no other."""
        return True

    @property
    def exchange(self) -> str:
        """Where it was published."""
        return self._entry.message.exchange

    @property
    def key(self) -> str:
        """Under which key it was published."""
        return self._entry.message.key

    async def ack(self) -> None:
        """Be done with it."""
        if not self.lease.lost:
            self._queue.ack(self._consumer, self._entry)

    async def give_back(self) -> None:
        """Return it to its queue."""
        if not self.lease.lost:
            self._queue.give_back(self._consumer, self._entry)

    async def reject(self, reason: str) -> None:
        """Send it to its queue's dead letters."""
        if not self.lease.lost:
            log.warning("delivery_rejected", queue=self.queue, message_id=self.message_id, reason=reason)
            self._queue.reject(self._consumer, self._entry)


class MemorySubscription:
    """A consumer that stands again after every reconnect, see `port.Subscription`."""

    def __init__(self, broker: MemoryBroker, queue: str, handler: port.Handler, prefetch: int) -> None:
        self._broker = broker
        self._name = queue
        self._handler = handler
        self._prefetch = prefetch
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: MemoryQueue | None = None
        self._consumer: Consumer | None = None
        self._lease: port.Lease | None = None
        self._stopped = False
        self._context = contextvars.copy_context()

    def begin(self) -> None:
        """Stand at the queue, with a new lease, unless closed or paused."""
        if self._stopped or self._consumer is not None:
            return
        queue = self._broker.queue(self._name)
        if queue is None:
            log.error("queue_missing", queue=self._name)
            return
        lease = self._lease = port.Lease()
        self._queue = queue

        def deliver(consumer: Consumer, entry: Entry) -> None:
            self._deliver(MemoryDelivery(lease, entry.returns > 0, queue, consumer, entry))

        self._consumer = Consumer(self._prefetch, deliver)
        queue.add(self._consumer)

    def end(self) -> None:
        """Leave the queue: the lease is over, and what it holds comes again."""
        queue, consumer, lease = self._queue, self._consumer, self._lease
        self._queue = self._consumer = self._lease = None
        if queue is not None and consumer is not None and lease is not None:
            lease.end()
            queue.remove(consumer)

    async def close(self) -> None:
        """Stop for good; what it holds comes again to others."""
        self._stopped = True
        self.end()

    async def pause(self) -> None:
        """Take nothing new; what it holds can still be settled."""
        self._stopped = True
        if self._consumer is not None:
            self._consumer.taking = False

    async def restart(self) -> None:
        """Leave and stand again: what it holds comes again, in order."""
        self.end()
        self.begin()

    def _deliver(self, delivery: MemoryDelivery) -> None:
        # Not in the context of whoever has just published: its log fields are not the handler's.
        task = asyncio.create_task(self._handle(delivery), context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, delivery: MemoryDelivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            log.exception("handler_failed", queue=self._name, message_id=delivery.message_id)
            await asyncio.sleep(port.FAILED_HANDLER_PAUSE_S)
            await delivery.give_back()
