"""PostgreSQL stopped under load."""

import asyncio

import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Installation
from tests.servers.postgres import PostgresServer

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


async def test_known_flows_are_answered_without_postgres_and_recorded_after_its_return(
    database_installation: Installation, own_postgres: PostgresServer
) -> None:
    installation = database_installation
    await installation.start_all()
    sync_flow = await installation.save(flows.echo())
    async_flow = await installation.save(flows.echo(is_async=True))
    assert (await installation.call(sync_flow, {"n": 1})).status == 200
    assert (await installation.call(async_flow, {"n": 1})).status == 200

    await own_postgres.stop()
    replies = await asyncio.gather(
        *(installation.call(flow, {"n": n}) for n in range(50) for flow in (sync_flow, async_flow))
    )
    await own_postgres.start()

    assert {reply.status for reply in replies} == {200}
    runs = await asyncio.gather(*(installation.ended(reply.run_id, within_s=60) for reply in replies))
    assert {run["status"] for run in runs} == {"success"}
