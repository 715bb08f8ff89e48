"""A gateway between a sender and a runner that are the test's own, on the in-process bus, without PostgreSQL.

The sender speaks real HTTP over the loopback interface. The runner answers each synchronous run as the test says, by
default with the run's input; what it took stands in `runs`. Every event of the gateway stands in `events`.
"""

import asyncio
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from libs.common import messages, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from libs.common.times import now_ms
from services.gateway import bootstrap
from services.gateway.config import GatewaySettings
from services.gateway.flows import Flow, Flows
from services.gateway.key_store import Keys
from services.gateway.personal_tokens import PersonalTokens
from services.gateway.rate_window import Limit
from tests.unit.gateway import samples
from tests.unit.gateway.counters import CountersBoard, MemoryCounters
from tests.unit.gateway.memory_keys import MemoryKeys

GATEWAY_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@dataclass(frozen=True)
class Reply:
    """What the sender got."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def run_id(self) -> str:
        return self.headers["Flowhook-Run-Id"]


def echo(run: messages.RunRequest) -> messages.Result:
    """End in success with the input as the response."""
    return result(run, response=messages.Response(status=200, headers=JSON, body=bytes(run.input).decode()))


JSON = {"Content-Type": "application/json"}


def result(run: messages.RunRequest, **changes: Any) -> messages.Result:
    """What a runner sends at the end."""
    times = {"started_at_ms": 1, "finished_at_ms": 2, "queued_ms": 0, "run_ms": 1}
    return messages.Result(**{"run_id": run.run_id, "attempt": 1, "status": "success", **times, **changes})


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """Return one HTTP answer, up to the end of its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    assert length is not None
    return head + await reader.readexactly(int(length[1]))


class StubFeed:
    """In PostgreSQL's place: the test puts flows into the cache itself."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    async def start(self) -> None:
        self._flows.connected()
        self._flows.complete.set()

    async def stop(self) -> None:
        self._flows.disconnected()


class World:
    """All three, from start to stop."""

    def __init__(
        self,
        *,
        keys: Keys | None = None,
        broker: MemoryBroker | None = None,
        gateway_id: str = GATEWAY_ID,
        **settings: Any,
    ) -> None:
        self.id = gateway_id
        self.keys: Keys = keys or MemoryKeys()
        self.broker = broker or MemoryBroker(topology.TOPOLOGY)
        self.bus: port.Bus = MemoryBus(self.broker, (topology.reply_queue(gateway_id),))
        self.runner_bus: port.Bus = MemoryBus(self.broker)
        self.flows = Flows(limit=100)
        self.tokens = PersonalTokens(limit=100, clock_ms=now_ms)
        values = {
            "host": "127.0.0.1",
            "gateway_port": 0,
            "database_url": "postgresql://nobody@127.0.0.1:9/none",
            "secret_key": samples.SECRET,
            "stop_grace_s": 2,
            "rate_limit": 1_000_000,
            **settings,
        }
        self.settings = GatewaySettings.load(**values)
        self.board = CountersBoard(Limit(self.settings.rate_limit, self.settings.rate_window_seconds))
        self.shared = bootstrap.Shared(MemoryCounters(self.board), self.keys)
        self.runs: asyncio.Queue[messages.RunRequest] = asyncio.Queue()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.answer: Callable[[messages.RunRequest], messages.Result | None] = echo

    async def start(self) -> None:
        known = bootstrap.Known(self.flows, self.tokens)
        self.gateway = bootstrap.assemble(self.settings, self.bus, self.id, known, StubFeed(self.flows), self.shared)
        await self.bus.start()
        await self.runner_bus.start()
        for mode in ("sync", "async"):
            for lane in range(topology.LANES):
                self.runner_bus.subscribe(topology.lane_queue(mode, lane), self._run, prefetch=100)
        self.runner_bus.subscribe(topology.RECORD, self._record, prefetch=100)
        await self.gateway.start()
        self._session = aiohttp.ClientSession(auto_decompress=False)

    async def stop(self) -> None:
        await self._session.close()
        await self.gateway.stop()
        await self.runner_bus.stop()
        await self.bus.stop()

    def save(self, flow: Flow) -> Flow:
        self.flows.put([flow.id], [flow])
        return flow

    async def call(self, flow: Flow, method: str = "POST", *, query: str = "", **options: Any) -> Reply:
        """Send a request with the flow's token, unless the headers say otherwise."""
        headers = {"Authorization": f"Bearer {samples.token(flow.id)}", **options.pop("headers", {})}
        if "data" in options:
            options["data"] = io.BytesIO(options["data"])
        return await self.send(method, f"/v1/flow-webhook/{flow.id}{query}", headers=headers, **options)

    async def send(self, method: str, target: str, **options: Any) -> Reply:
        address = f"http://127.0.0.1:{self.gateway.port}{target}"
        async with self._session.request(method, address, **options) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def raw(self, *pieces: bytes, answers: int = 1) -> bytes:
        """Send bytes on a connection of their own and return so many answers as they came."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        received = b""
        for _ in range(answers):
            received += await read_answer(reader)
        writer.close()
        return received

    async def _run(self, delivery: port.Delivery) -> None:
        run = messages.decode(delivery.schema, delivery.body)
        self.runs.put_nowait(run)
        ended = self.answer(run)
        if ended is not None:
            self.reply(run, ended)
        await delivery.ack()

    def reply(self, run: messages.RunRequest, ended: messages.Result) -> None:
        self.runner_bus.publish(port.letter(topology.EVENTS, topology.result_key(run.reply_to), ended))

    async def _record(self, delivery: port.Delivery) -> None:
        message = messages.decode(delivery.schema, delivery.body)
        if isinstance(message, messages.Replied | messages.Refused):
            self.events.put_nowait(message)
        await delivery.ack()
