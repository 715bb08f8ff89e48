"""PostgreSQL really stops and comes back while events come in."""

import asyncio

import pytest

from tests import factories
from tests.integration.debugger_recording.desk import open_desk
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_the_record_catches_up_after_an_outage(own_postgres: PostgresServer, how: str) -> None:
    requests = [factories.run_request() for _ in range(40)]
    async with open_desk(own_postgres.url_of(await own_postgres.create())) as desk:
        await desk.say(*requests[:10])
        during = desk.publish(*requests[10:20])
        await (own_postgres.stop() if how == "stop" else own_postgres.kill())
        during += desk.publish(*requests[20:30], factories.claim(requests[0].run_id))
        async with asyncio.timeout(20):
            await desk.recorder.failing.wait()

        await own_postgres.stop()  # a killed one has left its folder locked
        await own_postgres.start()
        await asyncio.gather(*during)
        await desk.say(*requests[30:], *(factories.result(request.run_id, attempt=2) for request in requests))

        answer = await desk.answer()
        assert (answer.verdict, answer.request) == ("go", requests[0])
        assert await desk.pool.fetchval("select count(*) from runs where status = 'success'") == 40
        assert desk.recorder.ready
