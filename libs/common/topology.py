"""What exists at the broker, as data: declared from here, checked from here, drawn from here.

Queue names carry a version, since arguments cannot change: what must differ gets a new name beside the old one. What
should be tunable on a live system is a policy of the broker.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final, Literal

RUNS: Final = "flowhook.runs"
EVENTS: Final = "flowhook.events"
AGAIN: Final = "flowhook.again"
CONTROL: Final = "flowhook.control"
FLOWS: Final = "flowhook.flows"
DEAD: Final = "flowhook.dead"

LANES: Final = 4
RUN_DELIVERY_LIMIT: Final = 100  # far above what the recorder counts itself: each return counts, for a whole prefetch
DELIVERY_LIMIT: Final = 1_000_000  # explicit and positive: RabbitMQ 4 has 20 by default, 3.10 takes -1 for none left
LATER_MS: Final = 60_000
REPLY_EXPIRES_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["topic", "direct"]


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and what it is bound to, as (exchange, key) pairs.

    `dead` is the key under `flowhook.dead` (or, for `later`, where it goes when its time is up) that takes what was
    refused or came too often. `kind` classic is for queues of one process, which need no replicas.
    """

    name: str
    bindings: tuple[tuple[str, str], ...]
    dead: tuple[str, str] | None = None
    kind: Literal["quorum", "classic"] = "quorum"
    delivery_limit: int = DELIVERY_LIMIT
    single_active: bool = False
    exclusive: bool = False
    ttl_ms: int | None = None
    expires_ms: int | None = None
    max_length: int | None = None

    @property
    def arguments(self) -> dict[str, str | int | bool]:
        """Return the arguments that it is declared with."""
        arguments: dict[str, str | int | bool] = {"x-queue-type": self.kind}
        if self.kind == "quorum":
            arguments["x-delivery-limit"] = self.delivery_limit
        if self.dead is not None:
            arguments["x-dead-letter-exchange"], arguments["x-dead-letter-routing-key"] = self.dead
            if self.kind == "quorum":
                arguments |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
        optional = {
            "x-single-active-consumer": self.single_active or None,
            "x-message-ttl": self.ttl_ms,
            "x-expires": self.expires_ms,
            "x-max-length": self.max_length,
        }
        return arguments | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Topology:
    """All exchanges and queues that one connection declares, in this order."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]

    def with_own(self, *queues: Queue) -> "Topology":
        """Return the topology with the queues of one process added."""
        return replace(self, queues=self.queues + queues)


EXCHANGES: Final = (
    Exchange(RUNS, "topic"),
    Exchange(EVENTS, "topic"),
    Exchange(AGAIN, "direct"),
    Exchange(CONTROL, "topic"),
    Exchange(FLOWS, "direct"),
    Exchange(DEAD, "direct"),
)


def lane_queue(mode: str, lane: int) -> str:
    """Return the name of a lane's work queue; `mode` is sync or async."""
    return f"runs.{mode}.{lane}.v1"


def run_key(mode: str, lane: int) -> str:
    """Return the key under which a fresh run is published."""
    return f"run.{mode}.{lane}"


def lane_of(flow_id: str, lanes: int = LANES) -> int:
    """Return a flow's lane: the same for all its runs, so that its flood fills one lane only."""
    return int.from_bytes(blake2b(flow_id.encode(), digest_size=4).digest()) % lanes


CLAIMED: Final = "runs.claimed.v1"
SUSPECT: Final = "runs.suspect.v1"
LATER: Final = "runs.later.v1"
RECORD: Final = "debugger.events.v1"
FLOW_QUERIES: Final = "flows.get.v1"
DEAD_RUNS: Final = "dead.runs.v1"
DEAD_EVENTS: Final = "dead.events.v1"

_TO_DEAD_RUNS: Final = (DEAD, "runs")
_TO_DEAD_EVENTS: Final = (DEAD, "events")


def _work(name: str, *bindings: tuple[str, str]) -> Queue:
    return Queue(name, bindings, dead=_TO_DEAD_RUNS, delivery_limit=RUN_DELIVERY_LIMIT)


QUEUES: Final = (
    Queue(DEAD_RUNS, (_TO_DEAD_RUNS,)),  # first: at-least-once retries a missing target only after three minutes
    Queue(DEAD_EVENTS, (_TO_DEAD_EVENTS,)),
    Queue(RECORD, ((RUNS, "#"), (EVENTS, "#")), dead=_TO_DEAD_EVENTS, single_active=True),
    *(_work(lane_queue("sync", lane), (RUNS, run_key("sync", lane))) for lane in range(LANES)),
    *(_work(lane_queue("async", lane), (RUNS, run_key("async", lane))) for lane in range(LANES)),
    _work(CLAIMED, (AGAIN, "claimed")),
    _work(SUSPECT, (AGAIN, "suspect")),
    Queue(LATER, ((AGAIN, "later"),), dead=(AGAIN, "claimed"), ttl_ms=LATER_MS),
    Queue(FLOW_QUERIES, ((FLOWS, "get"),), dead=_TO_DEAD_EVENTS),
)

TOPOLOGY: Final = Topology(EXCHANGES, QUEUES)


def reply_queue(gateway_id: str) -> Queue:
    """Return a gateway's own queue: results survive a short cut, and it goes a minute after its gateway has gone."""
    return Queue(
        f"replies.{gateway_id}",
        ((EVENTS, result_key(gateway_id)),),
        kind="classic",
        expires_ms=REPLY_EXPIRES_MS,
    )


def result_key(gateway_id: str | None) -> str:
    """Return the key of a result: to the gateway that waits for it, or to nobody but the recorder."""
    return f"result.{gateway_id or 'none'}"


def control_queue(runner_id: str) -> Queue:
    """Return a runner's own queue for cancellations and for the answers to its claims and questions."""
    return Queue(
        f"control.{runner_id}",
        ((CONTROL, "cancel"), (CONTROL, answer_key(runner_id))),
        kind="classic",
        expires_ms=REPLY_EXPIRES_MS,
    )


def answer_key(runner_id: str) -> str:
    """Return the key under which one runner is answered."""
    return f"answer.{runner_id}"


def matches(kind: str, pattern: str, key: str) -> bool:
    """Tell whether an exchange of this kind takes a key to a binding's pattern (`*` one word, `#` any number)."""
    if kind == "direct":
        return pattern == key
    return _matches_words(pattern.split("."), key.split("."))


def _matches_words(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_matches_words(pattern[1:], words[skip:]) for skip in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _matches_words(pattern[1:], words[1:])
