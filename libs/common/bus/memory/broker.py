"""The broker object: exchanges, queues, and who is connected."""

from collections.abc import Callable
from typing import Final, Protocol

from libs.common import topology
from libs.common.bus.memory.queues import MemoryQueue, Message

REFUSED: Final = "refused"
UNROUTABLE: Final = "unroutable"
TAKEN: Final = "taken"


class Client(Protocol):
    """A bus, as its broker sees it."""

    def broker_changed(self) -> None:
        """Follow: the broker came, went, was blocked or unblocked."""


class MemoryBroker:
    """Exchanges and queues in memory, shared by the buses of one process.

    A letter is confirmed once it is in its queues, or, where one of these is in `confirm_after`, only when a consumer
    has settled it there: so that with a recorder behind that queue a confirm means that the letter is on disk, although
    nothing here is.
    """

    def __init__(self, declared: topology.Topology, *, confirm_after: frozenset[str] = frozenset()) -> None:
        self._kinds = {exchange.name: exchange.kind for exchange in declared.exchanges}
        self._queues: dict[str, MemoryQueue] = {}
        self._routes: dict[tuple[str, str], list[MemoryQueue]] = {}
        self._confirm_after = confirm_after
        self._clients: list[Client] = []
        self.is_up = True
        self.is_blocked = False
        for queue in declared.queues:
            self.declare(queue)

    def declare(self, queue: topology.Queue) -> None:
        """Make a queue; one that is there stays as it is."""
        if queue.name not in self._queues:
            self._queues[queue.name] = MemoryQueue(queue, self._bury)
            self._routes.clear()

    def delete(self, name: str) -> None:
        """Forget a queue and what it holds, as when it has expired; nobody may consume it."""
        self._queues.pop(name, None)
        self._routes.clear()

    def queue(self, name: str) -> MemoryQueue | None:
        """Return the queue with this name, if there is one."""
        return self._queues.get(name)

    def attach(self, client: Client) -> None:
        """Tell this client of changes from now on."""
        self._clients.append(client)

    def detach(self, client: Client) -> None:
        """Tell this client nothing more."""
        if client in self._clients:
            self._clients.remove(client)

    def down(self) -> None:
        """Be away: every connection is lost. What the queues hold is kept, as on a disk."""
        self.is_up = False
        for queue in self._queues.values():
            queue.shut()
        self._tell()

    def up(self) -> None:
        """Be there again."""
        self.is_up = True
        for queue in self._queues.values():
            queue.open()
        self._tell()

    def block(self) -> None:
        """Take no more messages, as in an alarm; deliveries go on."""
        self.is_blocked = True
        self._tell()

    def unblock(self) -> None:
        """Take messages again."""
        self.is_blocked = False
        self._tell()

    def late(self, exchange: str, key: str) -> bool:
        """Tell whether a letter to this address is confirmed only after it has been settled."""
        return any(queue.spec.name in self._confirm_after for queue in self._reached(exchange, key))

    def publish(self, message: Message, confirmed: Callable[[], None]) -> str:
        """Put a message into every queue that it reaches.

        Returns TAKEN (then `confirmed` is called, perhaps at once), UNROUTABLE (nobody has it) or REFUSED (a queue was
        full; the others have it).
        """
        queues = self._reached(message.exchange, message.key)
        if not queues:
            return UNROUTABLE
        takers = [queue for queue in queues if not queue.full]
        refused = len(takers) < len(queues)
        late = {queue.spec.name for queue in takers} & self._confirm_after
        for queue in takers:
            queue.put(message, _Countdown(late, queue.spec.name, confirmed))
        if refused:
            return REFUSED
        if not late:
            confirmed()
        return TAKEN

    def _reached(self, exchange: str, key: str) -> list[MemoryQueue]:
        address = exchange, key
        if address not in self._routes:
            self._routes[address] = [queue for queue in self._queues.values() if self._binds(queue.spec, exchange, key)]
        return self._routes[address]

    def _binds(self, queue: topology.Queue, exchange: str, key: str) -> bool:
        kind = self._kinds.get(exchange)
        return kind is not None and any(
            bound == exchange and topology.matches(kind, pattern, key) for bound, pattern in queue.bindings
        )

    def _bury(self, spec: topology.Queue, message: Message) -> None:
        if spec.dead is not None:
            exchange, key = spec.dead
            self.publish(Message(exchange, key, message.schema, message.body, message.message_id), _nothing)

    def _tell(self) -> None:
        for client in tuple(self._clients):
            client.broker_changed()


class _Countdown:
    """Calls `confirmed` once the message has been settled in the last of the queues whose word counts."""

    __slots__ = ("_confirmed", "_late", "_name")

    def __init__(self, late: set[str], name: str, confirmed: Callable[[], None]) -> None:
        self._late = late
        self._name = name
        self._confirmed = confirmed

    def __call__(self) -> None:
        if self._name in self._late:
            self._late.discard(self._name)
            if not self._late:
                self._confirmed()


def _nothing() -> None:
    """Nobody waits for this confirm."""
