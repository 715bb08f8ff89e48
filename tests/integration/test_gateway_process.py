"""A gateway as a process, on a real RabbitMQ and PostgreSQL, or without them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp
import asyncpg
import pytest
from yarl import URL

from libs.common import messages, topology
from libs.common.bus import port
from libs.common.bus.rabbitmq import RabbitBus
from tests.acceptance.processes import ServiceProcess, eventually
from tests.servers.ports import free_port
from tests.unit.gateway import samples
from tests.unit.gateway.world import echo

pytestmark = [pytest.mark.processes, pytest.mark.postgres, pytest.mark.rabbitmq]

Launch = Callable[..., ServiceProcess]
NOWHERE = "amqp://guest:guest@127.0.0.1:9/"


@pytest.fixture
def webhooks() -> str:
    return f"http://127.0.0.1:{free_port()}/v1/flow-webhook/"


@pytest.fixture
async def launch(tmp_path: Path, database_url: str, webhooks: str) -> AsyncIterator[Launch]:
    started: list[ServiceProcess] = []

    def launch(amqp_url: str, **env: str) -> ServiceProcess:
        settings = {
            "FLOWHOOK_AMQP_URL": amqp_url,
            "FLOWHOOK_DATABASE_URL": database_url,
            "FLOWHOOK_SECRET_KEY": samples.SECRET,
            "FLOWHOOK_HOST": "127.0.0.1",
            "FLOWHOOK_GATEWAY_PORT": str(URL(webhooks).port),
        }
        process = ServiceProcess("gateway", {**settings, **env}, tmp_path / f"{len(started)}.log")
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()


@pytest.fixture
async def flow_id(database_url: str) -> str:
    """A saved flow that answers with its input, as far as the test's runner is concerned."""
    flow_id = str(uuid4())
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "insert into flows (id, name, status, current_version) values ($1, 'Lookup', 'active', 1)", UUID(flow_id)
    )
    await connection.execute(
        "insert into flow_versions (flow_id, version, document) values ($1, 1, $2)",
        UUID(flow_id),
        samples.document().decode(),
    )
    await connection.close()
    return flow_id


@pytest.fixture
async def runner(amqp_url: str, flow_id: str) -> AsyncIterator["asyncio.Queue[messages.RunRequest]"]:
    """A runner that echoes; what it took comes through the queue."""
    bus = RabbitBus(amqp_url, topology.TOPOLOGY)
    taken: asyncio.Queue[messages.RunRequest] = asyncio.Queue()

    async def run(delivery: port.Delivery) -> None:
        request = messages.decode(delivery.schema, delivery.body)
        taken.put_nowait(request)
        if b"wait" not in bytes(request.input):
            await bus.publish(port.letter(topology.EVENTS, topology.result_key(request.reply_to), echo(request)))
        await delivery.ack()

    bus.subscribe(topology.lane_queue("sync", topology.lane_of(flow_id)), run, prefetch=10)
    await bus.start()
    async with asyncio.timeout(20):
        await bus.wait_ready()
    yield taken
    await bus.stop()


async def test_a_webhook_is_answered_and_a_stop_answers_those_who_wait(
    launch: Launch, amqp_url: str, webhooks: str, flow_id: str, runner: "asyncio.Queue[messages.RunRequest]"
) -> None:
    gateway = launch(amqp_url)
    await gateway.wait_ready()
    headers = {"Authorization": f"Bearer {samples.token(flow_id)}"}

    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(webhooks + flow_id, json={"a": 1}) as answer:
            assert (answer.status, await answer.json()) == (200, {"a": 1})
        assert (await runner.get()).run_id == answer.headers["Flowhook-Run-Id"]
        async with session.post(webhooks + str(uuid4())) as answer:
            assert answer.status == 404

        waiting = asyncio.create_task(session.post(webhooks + flow_id, json={"wait": 1}))
        run = await runner.get()
        code = await gateway.terminate(within_s=10)
        answer = await waiting

    assert code == 0, gateway.text()
    assert (answer.status, answer.headers["Flowhook-Run-Id"]) == (503, run.run_id)
    assert "Traceback" not in gateway.text()


async def test_two_gateways_and_a_hundred_senders_with_one_address_get_exactly_the_limit(
    launch: Launch, flow_id: str
) -> None:
    ports = [free_port(), free_port()]
    gateways = [launch(NOWHERE, FLOWHOOK_GATEWAY_PORT=str(port), FLOWHOOK_RATE_LIMIT="300") for port in ports]
    addresses = [f"http://127.0.0.1:{port}/v1/flow-webhook/{flow_id}" for port in ports]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def share_a_count() -> bool:
            return all("rate_limit_shared" in gateway.text() for gateway in gateways)

        async def listen() -> bool:
            asked = [await session.options(address) for address in addresses]
            return all(answer.status == 405 for answer in asked)

        async def send(number: int) -> list[int]:
            answers = [await session.post(addresses[(number + n) % 2]) for n in range(5)]
            return [answer.status for answer in answers]

        await eventually(share_a_count)
        await eventually(listen)
        statuses = [status for sent in await asyncio.gather(*map(send, range(100))) for status in sent]

    assert (len(statuses), statuses.count(429)) == (500, 200)


async def test_without_a_broker_it_answers_503_and_is_not_ready(launch: Launch, webhooks: str, flow_id: str) -> None:
    gateway = launch(NOWHERE)
    headers = {"Authorization": f"Bearer {samples.token(flow_id)}"}

    async with aiohttp.ClientSession(headers=headers) as session:

        async def asked() -> tuple[int, str | None]:
            async with session.post(webhooks + flow_id) as answer:
                return answer.status, answer.headers.get("Retry-After")

        assert await eventually(asked) == (503, "2")

    assert not await gateway.ready()
    assert await gateway.terminate(within_s=10) == 0


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"FLOWHOOK_AMQP_URL": ""}, "FLOWHOOK_AMQP_URL"),
        ({"FLOWHOOK_SECRET_KEY": "short"}, "FLOWHOOK_SECRET_KEY"),
        ({"FLOWHOOK_GATEWAY_PORT": "x"}, "FLOWHOOK_GATEWAY_PORT"),
    ],
)
async def test_a_start_that_cannot_be_says_why_in_one_line(launch: Launch, env: dict[str, str], told: str) -> None:
    gateway = launch(NOWHERE, **env)

    code = await asyncio.to_thread(gateway._process.wait, 20)

    assert code == 1
    assert told in gateway.text()
    assert len(gateway.text().splitlines()) == 1
