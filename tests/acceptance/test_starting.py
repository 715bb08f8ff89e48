"""Services start in any order, tell truly whether they can work, and end at once when they are told while starting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from tests.acceptance import flows
from tests.acceptance.installation import Installation
from tests.acceptance.processes import ServiceProcess, eventually
from tests.servers.proxy import Proxy

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


class Wires:
    """What a new installation reaches its broker and its database by."""

    def __init__(self, amqp_url: str, database_url: str) -> None:
        self._broker_url, self._database_url = URL(amqp_url), URL(database_url)
        self.broker = Proxy(self._broker_url.port or 5672)
        socket = self._database_url.query  # the embedded server listens on a socket only
        self.database = Proxy(f"{socket['host']}/.s.PGSQL.{socket['port']}")

    async def start(self) -> None:
        await self.broker.start()
        await self.database.start()

    async def stop(self) -> None:
        await self.broker.stop()
        await self.database.stop()

    @property
    def amqp_url(self) -> str:
        return str(self._broker_url.with_port(self.broker.port))

    @property
    def database_url(self) -> str:
        return str(self._database_url.with_query(None).with_host("127.0.0.1").with_port(self.database.port))


@pytest.fixture
async def wires(amqp_url: str, empty_database_url: str) -> AsyncIterator[Wires]:
    both = Wires(amqp_url, empty_database_url)
    await both.start()
    yield both
    await both.stop()


@pytest.fixture
async def wired(wires: Wires, tmp_path: Path) -> AsyncIterator[Installation]:
    one = Installation(wires.amqp_url, wires.database_url, tmp_path)
    yield one
    await one.close()


async def becomes(process: ServiceProcess, ready: bool, within_s: float = 15.0) -> None:
    """Return once /readyz says so."""

    async def look() -> bool:
        return await process.ready() is ready

    await eventually(look, within_s=within_s, what=f"{process.name} ready={ready}")


async def test_any_order_of_starts_leads_to_an_installation_that_works(wires: Wires, wired: Installation) -> None:
    wires.broker.cut(admit=False)
    runner, gateway = wired.launch("runner"), wired.launch("gateway")
    for process in (runner, gateway):
        await becomes(process, ready=False)

    debugger = wired.launch("debugger")  # the schema is made while the broker is still away
    await becomes(debugger, ready=False)
    flow = await eventually(lambda: wired.save(flows.echo()), what="the API")
    refused = await eventually(lambda: wired.call(flow, {"n": 1}), what="the gateway")
    wires.broker.admit()
    for process in (runner, gateway, debugger):
        await becomes(process, ready=True)
    reply = await wired.call(flow, {"n": 2})

    assert refused.status == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert (reply.status, reply.json) == (200, {"n": 4})
    assert (await wired.ended(reply.run_id))["status"] == "success"


async def test_readiness_follows_broker_and_database_by_itself(wires: Wires, wired: Installation) -> None:
    await wired.start_all()
    runner, gateway, debugger = (wired.of(name)[0] for name in ("runner", "gateway", "debugger"))

    wires.database.cut(admit=False)
    await becomes(debugger, ready=False)
    assert await gateway.ready()  # it goes on with the flows that it knows
    assert await runner.ready()
    wires.database.admit()
    await becomes(debugger, ready=True)

    wires.broker.cut(admit=False)
    await asyncio.gather(*(becomes(process, ready=False) for process in (runner, gateway, debugger)))
    wires.broker.admit()
    await asyncio.gather(*(becomes(process, ready=True) for process in (runner, gateway, debugger)))


async def test_sigterm_while_everything_is_away_ends_a_start_at_once(wires: Wires, wired: Installation) -> None:
    wires.broker.cut(admit=False)
    wires.database.cut(admit=False)
    processes = [wired.launch(name) for name in ("gateway", "runner", "debugger")]
    await asyncio.gather(*(becomes(process, ready=False) for process in processes))

    codes = await asyncio.gather(*(process.terminate(within_s=5) for process in processes))

    assert codes == [0, 0, 0]
