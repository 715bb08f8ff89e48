"""What the services need of a message bus. Two adapters keep these promises: `rabbitmq` and `memory`.

A `Letter` is one run or one event. How many of them share a message on the wire is the adapter's own business: letters
published in the same turn of the event loop may travel together unless they are `alone`. They arrive, and are settled,
one by one; but what comes again may bring its neighbours along, under the same `message_id`.

A `Delivery` is a lease. Whoever holds it may work on it until it is settled or until `lease.lost`; then somebody else
has it or will have it, nothing is published in its name any more, and settling it does nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from libs.common import messages

MAX_PACK: Final = 32
MAX_PACK_BYTES: Final = 1024 * 1024
MAX_MESSAGE_BYTES: Final = 12 * 1024 * 1024
PUBLISH_TIMEOUT_S: Final = 1.8  # a sender has its 503 within two seconds, from a hung broker too
FAILED_HANDLER_PAUSE_S: Final = 0.5  # what a handler cannot stand comes again at once, and again


class Lease:
    """The life of one channel that delivers: it begins when its consumers stand and ends once, for good."""

    __slots__ = ("_ended",)

    def __init__(self) -> None:
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def lost(self) -> bool:
        """Tell whether what it delivered belongs to others now."""
        return self._ended.done()

    async def wait_lost(self) -> None:
        """Return when it is lost."""
        await asyncio.shield(self._ended)

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call back, soon, once it is lost."""
        self._ended.add_done_callback(lambda _: callback())

    def end(self) -> None:
        """For adapters: the channel is gone. Harmless when repeated."""
        if not self._ended.done():
            self._ended.set_result(None)


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to publish: encoded, with its address."""

    exchange: str
    key: str
    schema: str
    body: bytes
    alone: bool = False  # never shares a message, so that nobody waits for its acknowledgement
    lease: Lease | None = None  # published in the name of this lease, and not at all once it is lost
    headers: Mapping[str, str] = field(default_factory=dict)


def letter(
    exchange: str, key: str, message: messages.Message, *, alone: bool = False, lease: Lease | None = None
) -> Letter:
    """Return the letter that bears this message."""
    return Letter(exchange, key, message.schema, messages.encode(message), alone, lease)


class Delivery(Protocol):
    """One run or event in the hands of a consumer, to be settled exactly once by one of its three verbs."""

    @property
    def queue(self) -> str:
        """The queue that it came from."""

    @property
    def schema(self) -> str:
        """The schema of its body."""

    @property
    def body(self) -> bytes:
        """Its bytes, see `messages.decode`."""

    @property
    def message_id(self) -> str:
        """The id of the message that brought it: the same when it comes again."""

    @property
    def redelivered(self) -> bool:
        """Whether it may have been in other hands before."""

    @property
    def lease(self) -> Lease:
        """The life of the channel that brought it."""

    @property
    def alone(self) -> bool:
        """Whether it shares its message with no other."""

    @property
    def exchange(self) -> str:
        """Where it was published."""

    @property
    def key(self) -> str:
        """Under which key it was published."""

    async def ack(self) -> None:
        """Be done with it. It does nothing once the lease is lost."""

    async def give_back(self) -> None:
        """Return it to its queue: it is delivered again, marked as redelivered."""

    async def reject(self, reason: str) -> None:
        """Send it to its queue's dead letters, for good."""


Handler = Callable[[Delivery], Awaitable[None]]


class Subscription(Protocol):
    """A consumer that stands again after every reconnect until it is closed."""

    async def close(self) -> None:
        """Stop for good by ending its channel: what it holds unsettled comes again, in order, to others."""

    async def pause(self) -> None:
        """Take nothing new while what it holds can still be settled (a graceful stop). Not for `single_active`."""

    async def restart(self) -> None:
        """End its channel and take up again on a new one: what it holds unsettled comes again, in order."""


class Bus(Protocol):
    """A supervised connection to the broker.

    `start` returns at once and connects for as long as it takes; `ready` tells whether the topology is declared, the
    consumers stand and the broker takes messages. Nothing else needs to be called after a loss.
    """

    @property
    def ready(self) -> bool:
        """Whether publishing is open: connected, declared, consuming, not blocked by an alarm."""

    async def start(self) -> None:
        """Begin to connect."""

    async def stop(self) -> None:
        """Flush what waits to be sent, end the connection and every lease. Harmless when repeated."""

    async def wait_ready(self) -> None:
        """Return as soon as `ready` holds."""

    def publish(self, letter: Letter) -> "asyncio.Future[None]":
        """Send it; the result is there once the broker has confirmed that every queue it goes to holds it durably.

        Order is kept between letters published one after the other. The future fails with `BusUnavailable`,
        `MessageTooLarge` or `LeaseLost` (nothing was sent), `Unroutable` (no queue took it), `Nacked` or
        `OutcomeUnknown` (it may be anywhere), the last at the latest after `PUBLISH_TIMEOUT_S`. A future whose outcome
        nobody asks for is no error.
        """

    def subscribe(self, queue: str, handler: Handler, *, prefetch: int) -> Subscription:
        """Consume a queue, with at most `prefetch` unsettled *messages* at a time.

        The handler runs as a task for each letter, started in the order of the queue. An exception that it raises is
        logged and, after a short pause, gives the delivery back.
        """

    async def depths(self, queues: tuple[str, ...]) -> Mapping[str, int]:
        """Return how many messages wait in each queue, without those in consumers' hands.

        `BusUnavailable` if the broker is away or blocks, or if one of the queues does not exist.
        """
