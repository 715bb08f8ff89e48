"""One debugger does the duties; another one takes over when it stops or loses PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from services.debugger.leadership import Leadership

pytestmark = pytest.mark.postgres

DEADLINE_S = 10.0


class Worker:
    """A duty that tells whether it is being done."""

    def __init__(self) -> None:
        self.busy = asyncio.Event()

    async def work(self) -> None:
        self.busy.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.busy.clear()


def candidate(url: str, worker: Worker) -> Leadership:
    return Leadership(url, {"duty": worker.work}, look_every_s=0.02)


async def busy(worker: Worker) -> None:
    async with asyncio.timeout(DEADLINE_S):
        await worker.busy.wait()


@pytest.fixture
async def leader(database_url: str) -> AsyncIterator[tuple[Leadership, Worker]]:
    worker = Worker()
    leadership = candidate(database_url, worker)
    await leadership.start()
    await busy(worker)
    yield leadership, worker
    await leadership.stop()


async def test_a_second_one_takes_over_when_the_first_stops(
    database_url: str, leader: tuple[Leadership, Worker]
) -> None:
    first, first_worker = leader
    second_worker = Worker()
    second = candidate(database_url, second_worker)
    await second.start()
    assert not second.leading.is_set()

    await first.stop()
    await busy(second_worker)

    assert not first_worker.busy.is_set()
    await second.stop()


async def test_it_leads_again_after_its_session_was_ended(database_url: str, leader: tuple[Leadership, Worker]) -> None:
    leadership, worker = leader
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"
    )
    await connection.close()
    stopped = asyncio.Event()
    asyncio.get_running_loop().call_soon(stopped.set)
    await stopped.wait()

    await busy(worker)

    async with asyncio.timeout(DEADLINE_S):
        await leadership.leading.wait()
