"""A recorder on a real PostgreSQL and the in-process bus, where a confirm means that the recorder has settled it.

So tests wait for no clock: `say` returns when what was said is recorded.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from libs.common import messages, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.debugger import database, folding
from services.debugger.record_store import RecordStore
from services.debugger.recorder import Recorder

RUNNER = "runner-1"
GATEWAY = "gateway-1"
DEADLINE_S = 20.0

_KEYS: dict[type[messages.Event], str] = {
    messages.Started: "started",
    messages.StepsDone: "step",
    messages.Parked: "parked",
    messages.HandedBack: "handed_back",
    messages.Replied: "replied",
    messages.Refused: "refused",
    messages.Claim: "claim",
    messages.Dead: "dead",
    messages.Mark: "mark",
}


def letter(item: folding.Item) -> port.Letter:
    """Return the letter that brings an item to the recorder."""
    if isinstance(item, messages.RunRequest):
        return port.letter(topology.RUNS, topology.run_key(item.mode, item.lane), item)
    if isinstance(item, messages.Result):
        return port.letter(topology.EVENTS, topology.result_key(GATEWAY), item)
    return port.letter(topology.EVENTS, _KEYS[type(item)], item)


class Desk:
    """One recorder, what it writes, and what it says to a runner, to a gateway and to runners in general."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        own = (topology.control_queue(RUNNER), topology.reply_queue(GATEWAY))
        self.broker = MemoryBroker(topology.TOPOLOGY, confirm_after=frozenset({topology.RECORD}))
        self.bus = MemoryBus(self.broker)
        self.outside = MemoryBus(self.broker, own)
        self.pool = pool
        self.recorder = self.new_recorder(self.bus)
        self._heard: dict[str, asyncio.Queue[Any]] = {}

    def new_recorder(self, bus: port.Bus) -> Recorder:
        """Return another recorder, which is not started."""
        return Recorder(bus, RecordStore(self.pool), batch_ms=2, batch_max=1000)

    async def start(self) -> None:
        """Start recording and listening."""
        await self.bus.start()
        await self.outside.start()
        for queue in (topology.control_queue(RUNNER), topology.reply_queue(GATEWAY)):
            self.listen(queue.name)
        await self.recorder.start()

    async def stop(self) -> None:
        """Stop everything."""
        await self.recorder.stop()
        self.outside.kill()
        self.bus.kill()

    def listen(self, queue: str) -> None:
        """Take up what comes into a queue, see `hear`."""
        heard = self._heard[queue] = asyncio.Queue()

        async def take(delivery: port.Delivery) -> None:
            heard.put_nowait(messages.decode(delivery.schema, delivery.body))
            await delivery.ack()

        self.outside.subscribe(queue, take, prefetch=100)

    async def hear(self, queue: str) -> Any:
        """Return the next message of a queue."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._heard[queue].get()

    async def answer(self) -> messages.Answer:
        """Return the next answer to a claim."""
        answer: messages.Answer = await self.hear(topology.control_queue(RUNNER).name)
        return answer

    async def reply(self) -> messages.Result:
        """Return the next result that the gateway hears."""
        result: messages.Result = await self.hear(topology.reply_queue(GATEWAY).name)
        return result

    async def say(self, *items: folding.Item) -> None:
        """Publish in order, in one turn, and return when all of it is recorded."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*self.publish(*items))

    def publish(self, *items: folding.Item) -> list["asyncio.Future[None]"]:
        """Publish in order and wait for nothing."""
        return [self.outside.publish(letter(item)) for item in items]

    async def row(self, run_id: str) -> asyncpg.Record:
        """Return the row of a run."""
        row = await self.pool.fetchrow("select * from runs where id = $1", UUID(run_id))
        assert row is not None
        return row

    async def steps(self, run_id: str) -> Sequence[asyncpg.Record]:
        """Return the steps of a run, in order."""
        statement = "select * from run_steps where run_id = $1 order by position"
        return await self.pool.fetch(statement, UUID(run_id))

    async def journal(self, run_id: str) -> dict[str, str]:
        """Return the journal of a run by path."""
        rows = await self.pool.fetch("select path, entry from run_journals where run_id = $1", UUID(run_id))
        return {row["path"]: row["entry"] for row in rows}

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue."""
        found = self.broker.queue(queue)
        assert found is not None
        return found.depth


@asynccontextmanager
async def open_desk(url: str) -> AsyncIterator[Desk]:
    """Give a desk that records into the database at this address."""
    pool = await database.open_pool(url)
    desk = Desk(pool)
    try:
        await desk.start()
        yield desk
    finally:
        await desk.stop()
        pool.terminate()
