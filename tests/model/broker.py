"""The simulated broker: queues, one clock, one source of chance. Nothing here knows what a run is.

What it keeps of a real one: work comes again at its old place and marked; the recorder's queue is one stream; what was
published before a connection's loss has landed up to some point, in order, and nothing behind that point ever will.
"""

import random
from bisect import insort
from dataclasses import dataclass, field
from typing import Any, Final

from libs.common import messages, topology

Work = messages.RunRequest | messages.Wake

SECOND: Final = 1_000
MINUTE: Final = 60_000
LATER_MS: Final = MINUTE
LANES: Final = (topology.lane_queue("async", 0), topology.lane_queue("async", 1))
CLAIMED, SUSPECT, LATER = topology.CLAIMED, topology.SUSPECT, topology.LATER
WORK: Final = (*LANES, CLAIMED, SUSPECT, LATER)


@dataclass(slots=True)
class Message:
    """A message in a work queue; `place` is its place there, also when it comes again."""

    place: int
    id: str
    body: Work
    queue: str
    redelivered: bool = False
    expires_ms: int = 0

    def __lt__(self, other: "Message") -> bool:
        return self.place < other.place


@dataclass(slots=True)
class Broker:
    """All queues, the clock, and the log of what happened."""

    rng: random.Random
    now_ms: int = 10_000_000
    work: dict[str, list[Message]] = field(default_factory=lambda: {name: [] for name in WORK})
    events: list[Any] = field(default_factory=list)  # debugger.events
    control: dict[str, list[messages.Answer]] = field(default_factory=dict)
    trace: list[tuple[Any, ...]] = field(default_factory=list)
    serial: int = 0

    def chance(self, probability: float) -> bool:
        """Tell whether something happens that does with this probability."""
        return self.rng.random() < probability

    def log(self, what: str, run_id: str, *details: Any) -> None:
        """Add a line to the log; `run_id` is empty where it concerns all."""
        self.trace.append((self.now_ms, what, run_id, *details))

    def new_id(self, prefix: str) -> str:
        """Return an id of its own."""
        self.serial += 1
        return f"{prefix}{self.serial}"

    def put(self, queue: str, body: Work) -> None:
        """Publish a message to a work queue."""
        message = Message(self.serial + 1, self.new_id("m"), body, queue)
        if queue == LATER:
            message.expires_ms = self.now_ms + LATER_MS
        self.work[queue].append(message)

    def give_back(self, message: Message) -> None:
        """Deliver a message again, at its place."""
        message.redelivered = True
        insort(self.work[message.queue], message)

    def purge(self, queue: str) -> None:
        """Lose all that waits in a work queue."""
        self.log("purge", "", queue, [message.id for message in self.work[queue]])
        self.work[queue].clear()

    def pass_time(self, ms: int) -> None:
        """Let time go by; what was put off for a while is due again."""
        self.now_ms += ms
        waiting = self.work[LATER]
        while waiting and waiting[0].expires_ms <= self.now_ms:
            message = waiting.pop(0)
            message.place, message.queue = self.serial + 1, CLAIMED
            message.redelivered = False
            self.serial += 1
            self.work[CLAIMED].append(message)
