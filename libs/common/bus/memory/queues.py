"""One queue with its consumers. Everything happens at once, in the caller's turn of the event loop."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from libs.common import topology


@dataclass(frozen=True, slots=True)
class Message:
    """What a queue keeps of a letter."""

    exchange: str
    key: str
    schema: str
    body: bytes
    message_id: str


@dataclass(slots=True, eq=False)
class Entry:
    """A message at its place in a queue. It keeps the place when it is given back, so it comes before later ones."""

    message: Message
    place: int
    gone: Callable[[], None]  # it has left for good: acknowledged, or among the dead letters
    returns: int = 0

    def __lt__(self, other: "Entry") -> bool:
        return self.place < other.place


@dataclass(slots=True, eq=False)
class Consumer:
    """Who takes from a queue: at most `prefetch` entries at a time."""

    prefetch: int
    deliver: Callable[["Consumer", Entry], None]
    held: dict[int, Entry] = field(default_factory=dict)
    taking: bool = True

    @property
    def has_room(self) -> bool:
        """Whether it takes one more."""
        return self.taking and len(self.held) < self.prefetch


class MemoryQueue:
    """The entries that wait and the consumers among whom they are shared."""

    def __init__(self, spec: topology.Queue, bury: Callable[[topology.Queue, Message], None]) -> None:
        self.spec = spec
        self._bury = bury
        self._waiting: list[Entry] = []  # a heap by place
        self._consumers: list[Consumer] = []  # the next one to be served stands first
        self._places = 0
        self._open = True

    @property
    def depth(self) -> int:
        """How many entries wait, without those in consumers' hands."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether a publish is rejected."""
        limit = self.spec.max_length
        return limit is not None and self.depth + sum(len(consumer.held) for consumer in self._consumers) >= limit

    def shut(self) -> None:
        """Deliver nothing: the broker is away."""
        self._open = False

    def open(self) -> None:
        """Deliver again."""
        self._open = True
        self._serve()

    def put(self, message: Message, gone: Callable[[], None]) -> None:
        """Take a message in; `gone` is called when it has left for good."""
        self._places += 1
        entry = Entry(message, self._places, gone)
        self._wait(entry)
        self._serve()

    def add(self, consumer: Consumer) -> None:
        """Let a consumer take its share."""
        self._consumers.append(consumer)
        self._serve()

    def remove(self, consumer: Consumer) -> None:
        """Forget a consumer; what it holds comes again, in order."""
        if consumer not in self._consumers:
            return
        self._consumers.remove(consumer)
        consumer.taking = False
        held, consumer.held = consumer.held, {}
        for entry in held.values():
            self._come_again(entry)
        self._serve()

    def ack(self, consumer: Consumer, entry: Entry) -> None:
        """Let an entry go: it is done with."""
        if consumer.held.pop(entry.place, None) is not None:
            entry.gone()
            self._serve()

    def give_back(self, consumer: Consumer, entry: Entry) -> None:
        """Put an entry back at its place."""
        if consumer.held.pop(entry.place, None) is not None:
            self._come_again(entry)
            self._serve()

    def reject(self, consumer: Consumer, entry: Entry) -> None:
        """Send an entry to the dead letters."""
        if consumer.held.pop(entry.place, None) is not None:
            self._die(entry)
            self._serve()

    def _come_again(self, entry: Entry) -> None:
        entry.returns += 1
        if self.spec.kind == "quorum" and entry.returns > self.spec.delivery_limit:
            self._die(entry)
        else:
            self._wait(entry)

    def _wait(self, entry: Entry) -> None:
        heapq.heappush(self._waiting, entry)
        if self.spec.ttl_ms is not None:
            asyncio.get_running_loop().call_later(self.spec.ttl_ms / 1000, self._expire, entry, entry.returns)

    def _expire(self, entry: Entry, returns: int) -> None:
        if entry in self._waiting and entry.returns == returns:
            self._waiting.remove(entry)
            heapq.heapify(self._waiting)
            self._die(entry)

    def _die(self, entry: Entry) -> None:
        self._bury(self.spec, entry.message)
        entry.gone()

    def _serve(self) -> None:
        while self._open and self._waiting and (consumer := self._next_consumer()) is not None:
            entry = heapq.heappop(self._waiting)
            consumer.held[entry.place] = entry
            consumer.deliver(consumer, entry)

    def _next_consumer(self) -> Consumer | None:
        if self.spec.single_active:
            return next((consumer for consumer in self._consumers[:1] if consumer.has_room), None)
        for index, consumer in enumerate(self._consumers):
            if consumer.has_room:
                self._consumers.append(self._consumers.pop(index))
                return consumer
        return None
