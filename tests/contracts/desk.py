"""The exchanges and queues of these tests, and what they publish and receive."""

import asyncio
from collections.abc import Callable
from typing import Final

from libs.common import topology
from libs.common.bus import port

WORK: Final = "desk.work"
EVENTS: Final = "desk.events"
CONTROL: Final = "desk.control"
DEAD: Final = "desk.dead"

JOBS: Final = "jobs.v1"  # shared by competing consumers
RECORD: Final = "record.v1"  # everything, in order, by one consumer at a time
FRAGILE: Final = "fragile.v1"  # gives a letter up at its third delivery
BOUNDED: Final = "bounded.v1"  # full very soon
LATER: Final = "later.v1"  # holds a letter for a moment, then it goes to JOBS
GRAVE: Final = "grave.v1"  # the dead letters

EXCHANGES: Final = (
    topology.Exchange(WORK, "topic"),
    topology.Exchange(EVENTS, "topic"),
    topology.Exchange(CONTROL, "topic"),
    topology.Exchange(DEAD, "direct"),
)
QUEUES: Final = (
    topology.Queue(GRAVE, ((DEAD, "grave"),)),
    topology.Queue(JOBS, ((WORK, "job.*"),), dead=(DEAD, "grave")),
    topology.Queue(RECORD, ((WORK, "#"), (EVENTS, "#")), dead=(DEAD, "grave"), single_active=True),
    topology.Queue(FRAGILE, ((CONTROL, "fragile"),), dead=(DEAD, "grave"), delivery_limit=1),
    topology.Queue(BOUNDED, ((WORK, "bounded"),), dead=(DEAD, "grave"), max_length=1),
    topology.Queue(LATER, ((CONTROL, "later"),), dead=(WORK, "job.due"), ttl_ms=50),
)
DESK: Final = topology.Topology(EXCHANGES, QUEUES)

DEADLINE_S: Final = 15.0


def own_queue(name: str) -> topology.Queue:
    """Return a queue of one process, for what is meant for it and for what is meant for all."""
    bindings = ((CONTROL, f"answer.{name}"), (CONTROL, "all"))
    return topology.Queue(f"own.{name}", bindings, kind="classic", expires_ms=60_000)


def job(number: int, *, alone: bool = True, lease: port.Lease | None = None) -> port.Letter:
    """Return a letter for JOBS (and RECORD)."""
    return port.Letter(WORK, "job.new", "job/1", b"%d" % number, alone=alone, lease=lease)


def event(number: int, *, lease: port.Lease | None = None) -> port.Letter:
    """Return a letter for RECORD alone."""
    return port.Letter(EVENTS, "happened", "event/1", b"%d" % number, lease=lease)


def numbers(deliveries: list[port.Delivery]) -> list[int]:
    """Return the numbers of these letters."""
    return [int(delivery.body) for delivery in deliveries]


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds that offers no event."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - no event to wait for
            await asyncio.sleep(0.01)


class Inbox:
    """A handler that keeps what comes, unsettled, until the test takes it."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[port.Delivery] = asyncio.Queue()
        self.seen: list[port.Delivery] = []  # all that ever came

    async def __call__(self, delivery: port.Delivery) -> None:
        self.seen.append(delivery)
        self._arrived.put_nowait(delivery)

    @property
    def empty(self) -> bool:
        return self._arrived.empty()

    async def next(self) -> port.Delivery:
        """Return what comes next."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._arrived.get()

    async def take(self, count: int) -> list[port.Delivery]:
        """Return the next ones."""
        return [await self.next() for _ in range(count)]

    def rest(self) -> list[port.Delivery]:
        """Return what has come already."""
        return [self._arrived.get_nowait() for _ in range(self._arrived.qsize())]
