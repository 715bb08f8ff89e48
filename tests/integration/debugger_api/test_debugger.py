"""A whole debugger on a real PostgreSQL and the in-process bus: what stands, and what it waits for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from libs.common import errors, ids, messages, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.debugger import bootstrap
from services.debugger.config import DebuggerSettings
from tests.integration.debugger_api.world import SECRET, flow, request
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.postgres

TOKEN = "fh_pat_the-first-token-0123456789"
POLL_S = 0.02


async def eventually(look: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if await look():
                return
            await asyncio.sleep(POLL_S)


def settings(database_url: str, **changes: Any) -> DebuggerSettings:
    return DebuggerSettings.load(
        **{
            "host": "127.0.0.1",
            "console_port": 0,
            "database_url": database_url,
            "secret_key": SECRET,
            "bootstrap_token": TOKEN,
            **changes,
        }
    )


async def ready(debugger: bootstrap.Debugger) -> None:
    async def look() -> bool:
        return failing(debugger) == []

    await eventually(look)


def failing(debugger: bootstrap.Debugger) -> list[str]:
    return [name for name, check in debugger.checks.items() if not check()]


class Api:
    """The API of a debugger that stands."""

    def __init__(self, session: aiohttp.ClientSession, debugger: bootstrap.Debugger) -> None:
        self._session = session
        self._debugger = debugger

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self._debugger.port}{path}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(topology.TOPOLOGY)


@pytest.fixture
async def bus(broker: MemoryBroker) -> AsyncIterator[MemoryBus]:
    bus = MemoryBus(broker)
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def debugger(database_url: str, bus: MemoryBus) -> AsyncIterator[bootstrap.Debugger]:
    debugger = bootstrap.build(settings(database_url), bus)
    await debugger.start()
    yield debugger
    await debugger.stop()


async def test_a_debugger_is_ready_once_it_stands(debugger: bootstrap.Debugger) -> None:
    await ready(debugger)


async def test_the_first_token_opens_the_api_after_every_start(
    database_url: str, bus: MemoryBus, session: aiohttp.ClientSession
) -> None:
    for _ in range(2):
        debugger = bootstrap.build(settings(database_url), bus)
        await debugger.start()

        assert (await Api(session, debugger).ask("GET", "/v1/runs"))[0] == 200

        await debugger.stop()
        await debugger.stop()


async def test_an_accepted_run_is_in_the_api(
    debugger: bootstrap.Debugger, bus: MemoryBus, session: aiohttp.ClientSession
) -> None:
    api = Api(session, debugger)
    _, saved = await api.ask("POST", "/v1/flows", flow())
    wanted = request(saved["id"])

    await bus.publish(port.letter(topology.RUNS, topology.run_key("sync", 0), wanted))

    async def recorded() -> bool:
        return (await api.ask("GET", f"/v1/runs/{wanted.run_id}"))[0] == 200

    await eventually(recorded)
    _, found = await api.ask("GET", f"/v1/runs/{wanted.run_id}")
    assert (found["flow_id"], found["status"]) == (saved["id"], "queued")


class Runner:
    """Asks for flows as a runner does."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.id = ids.new_id()
        own = topology.control_queue(self.id)
        self.bus = MemoryBus(broker, (own,))
        self.bus.subscribe(own.name, self._take, prefetch=10)
        self._answers: asyncio.Queue[messages.FlowFound] = asyncio.Queue()

    async def _take(self, delivery: port.Delivery) -> None:
        self._answers.put_nowait(messages.decode(delivery.schema, delivery.body))
        await delivery.ack()

    async def ask(self, flow_id: str, version: int | None) -> messages.FlowFound:
        query = messages.FlowQuery(query_id=ids.new_id(), runner_id=self.id, flow_id=flow_id, version=version)
        await self.bus.publish(port.letter(topology.FLOWS, "get", query))
        found = await asyncio.wait_for(self._answers.get(), 10)
        assert found.query_id == query.query_id
        return found


@pytest.fixture
async def runner(broker: MemoryBroker) -> AsyncIterator[Runner]:
    runner = Runner(broker)
    await runner.bus.start()
    yield runner
    await runner.bus.stop()


async def test_a_runner_is_given_the_version_that_it_asks_for(
    debugger: bootstrap.Debugger, session: aiohttp.ClientSession, runner: Runner
) -> None:
    api = Api(session, debugger)
    _, saved = await api.ask("POST", "/v1/flows", flow(name="One"))
    await api.ask("PUT", f"/v1/flows/{saved['id']}", flow(name="Two"))

    old, current = await runner.ask(saved["id"], 1), await runner.ask(saved["id"], None)

    assert (old.version, current.version, current.flow_name) == (1, 2, "Two")
    assert b'"name":"One"' in bytes(old.document)


@pytest.mark.usefixtures("debugger")
@pytest.mark.parametrize(
    ("flow_id", "version"), [(ids.new_id(), None), (ids.new_id(), 3), ("no-id", 1), ("no-id", None)]
)
async def test_a_runner_is_told_that_there_is_no_such_flow(runner: Runner, flow_id: str, version: int | None) -> None:
    assert (await runner.ask(flow_id, version)).document == messages.NULL


@pytest.mark.usefixtures("debugger")
async def test_a_question_that_cannot_be_answered_does_not_come_again(runner: Runner) -> None:
    query = messages.FlowQuery(query_id=ids.new_id(), runner_id=runner.id, flow_id=ids.new_id(), version=2**70)
    await runner.bus.publish(port.letter(topology.FLOWS, "get", query))
    await runner.bus.publish(port.Letter(topology.FLOWS, "get", "flow-query/9", b"{}"))

    assert (await runner.ask(ids.new_id(), 1)).document == messages.NULL

    async def both_dead() -> bool:
        return (await runner.bus.depths((topology.DEAD_EVENTS,)))[topology.DEAD_EVENTS] == 2

    await eventually(both_dead)
    assert (await runner.bus.depths((topology.FLOW_QUERIES,)))[topology.FLOW_QUERIES] == 0


async def test_a_start_waits_for_the_database(own_postgres: PostgresServer, bus: MemoryBus) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    await own_postgres.stop()
    debugger = bootstrap.build(settings(url), bus)
    starting = asyncio.create_task(debugger.start())
    await asyncio.wait({starting}, timeout=0.3)
    assert not starting.done()
    assert failing(debugger) == ["database", "recorder"]

    await own_postgres.start()

    await asyncio.wait_for(starting, 20)
    await ready(debugger)
    await debugger.stop()


async def test_a_start_gives_up_on_a_database_that_stays_away(own_postgres: PostgresServer, bus: MemoryBus) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    await own_postgres.stop()

    with pytest.raises(errors.StartError, match="PostgreSQL"):
        await bootstrap.build(settings(url, database_wait_s=0), bus).start()


async def test_a_lost_database_is_told_and_found_again(
    own_postgres: PostgresServer, bus: MemoryBus, session: aiohttp.ClientSession
) -> None:
    debugger = bootstrap.build(settings(own_postgres.url_of(await own_postgres.create())), bus)
    await debugger.start()
    api = Api(session, debugger)
    await ready(debugger)

    await own_postgres.stop()

    async def told() -> bool:
        return "database" in failing(debugger)

    await eventually(told)
    status, envelope = await api.ask("GET", "/v1/runs")
    await own_postgres.start()
    await ready(debugger)

    assert (status, envelope["error"]) == (503, "unavailable")
    assert (await api.ask("GET", "/v1/runs"))[0] == 200
    await debugger.stop()


async def test_a_port_in_use_is_one_clear_line(debugger: bootstrap.Debugger, database_url: str, bus: MemoryBus) -> None:
    second = bootstrap.build(settings(database_url, console_port=debugger.port), bus)

    with pytest.raises(errors.StartError, match="FLOWHOOK_CONSOLE_PORT"):
        await second.start()
