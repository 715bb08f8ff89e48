"""A debugger as a process: what it says before it stands, and how it ends."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.processes import ServiceProcess, eventually
from tests.integration.debugger_api.world import SECRET
from tests.servers.ports import free_port

pytestmark = pytest.mark.processes

Launch = Callable[..., ServiceProcess]
NO_BROKER = "amqp://guest:guest@127.0.0.1:9/"
NO_DATABASE = "postgresql://nobody@127.0.0.1:9/nothing"
TOKEN = "fh_pat_the-first-token-0123456789"


@pytest.fixture
async def launch(tmp_path: Path) -> AsyncIterator[Launch]:
    started: list[ServiceProcess] = []

    def launch(**env: str) -> ServiceProcess:
        given = {
            "FLOWHOOK_AMQP_URL": NO_BROKER,
            "FLOWHOOK_DATABASE_URL": NO_DATABASE,
            "FLOWHOOK_SECRET_KEY": SECRET,
            "FLOWHOOK_BOOTSTRAP_TOKEN": TOKEN,
            "FLOWHOOK_HOST": "127.0.0.1",
            "FLOWHOOK_CONSOLE_PORT": "0",
        }
        started.append(ServiceProcess("debugger", {**given, **env}, tmp_path / f"{len(started)}.log"))
        return started[-1]

    yield launch
    for process in started:
        process.kill()


async def status_of(url: str, *, token: str | None = None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status


async def alive(process: ServiceProcess) -> None:
    async def look() -> bool:
        return await status_of(f"http://127.0.0.1:{process.admin_port}/healthz") == 200

    await eventually(look, what="/healthz")


async def test_it_lives_and_is_not_ready_while_it_waits_for_its_database(launch: Launch) -> None:
    process = launch()
    await alive(process)

    assert not await process.ready()
    assert await process.terminate(within_s=10) == 0


async def test_it_gives_up_on_a_database_that_stays_away_in_one_line(launch: Launch) -> None:
    process = launch(FLOWHOOK_DATABASE_WAIT_S="0")

    async def ended() -> bool:
        return not process.alive

    await eventually(ended, what="its end")
    assert await process.terminate() == 1
    assert process.text().splitlines()[-1].startswith("PostgreSQL cannot be reached")
    assert "Traceback" not in process.text()


async def test_it_says_which_settings_are_missing_in_one_line(launch: Launch) -> None:
    process = launch(FLOWHOOK_SECRET_KEY="short", FLOWHOOK_CONSOLE_PORT="no")

    async def ended() -> bool:
        return not process.alive

    await eventually(ended, what="its end")
    (line,) = process.text().splitlines()
    assert "FLOWHOOK_SECRET_KEY" in line
    assert "FLOWHOOK_CONSOLE_PORT" in line


@pytest.mark.postgres
async def test_its_api_serves_while_the_broker_is_away(launch: Launch, database_url: str) -> None:
    port = free_port()
    process = launch(FLOWHOOK_DATABASE_URL=database_url, FLOWHOOK_CONSOLE_PORT=str(port))

    async def served() -> bool:
        return await status_of(f"http://127.0.0.1:{port}/v1/flows", token=TOKEN) == 200

    await eventually(served, what="the API")
    assert not await process.ready()
    assert await process.terminate(within_s=15) == 0
    assert TOKEN not in process.text()


@pytest.mark.postgres
@pytest.mark.rabbitmq
async def test_it_is_ready_with_both_and_ends_well(launch: Launch, database_url: str, amqp_url: str) -> None:
    process = launch(FLOWHOOK_DATABASE_URL=database_url, FLOWHOOK_AMQP_URL=amqp_url)
    await process.wait_ready()

    assert await process.terminate(within_s=15) == 0
    assert "service_stopped" in process.text()
