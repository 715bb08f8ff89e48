"""The gateway's flows follow PostgreSQL, and outlive it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.common import errors
from services.gateway import flows as flow_cache
from services.gateway.feed import FlowFeed, statement
from services.gateway.flows import Flows
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def fed(database_url: str, *, refresh_s: float = 60, limit: int = 1000) -> AsyncIterator[Flows]:
    """A cache that is fed, and has been loaded once if the database is there."""
    flows = Flows(limit=limit)
    feed = FlowFeed(flows, database_url, refresh_s=refresh_s, limit=limit)
    await feed.start()
    try:
        yield flows
    finally:
        await feed.stop()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def save(database: asyncpg.Connection, flow_id: str | None = None, *, status: str = "active") -> str:
    flow_id = flow_id or str(uuid4())
    async with database.transaction():
        await database.execute(
            "insert into flows (id, name, status, current_version) values ($1, 'Lookup', $2, 1)", UUID(flow_id), status
        )
        await database.execute(
            "insert into flow_versions (flow_id, version, document) values ($1, 1, '{\"a\": 1}')", UUID(flow_id)
        )
    return flow_id


async def until(condition: Callable[[], object], *, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # what the database does, it tells nobody here
            await asyncio.sleep(0.005)


async def test_all_flows_are_loaded_at_the_start(database_url: str, database: asyncpg.Connection) -> None:
    ids = [await save(database) for _ in range(3)]

    async with fed(database_url) as flows:
        await until(lambda: flows.loaded)

        found = [flows.get(flow_id) for flow_id in ids]

    assert [flow.document for flow in found if flow] == [b'{"a": 1}'] * 3


async def test_a_flow_is_found_right_after_it_was_created(database_url: str, database: asyncpg.Connection) -> None:
    async with fed(database_url) as flows:
        await until(lambda: flows.loaded)

        flow_id = await save(database)
        flow = await flows.find(flow_id)

    assert flow.state == flow_cache.State(name="Lookup", status="active", version=1, generation=1)


async def test_a_flow_that_does_not_exist_is_not_found(database_url: str) -> None:
    async with fed(database_url) as flows:
        await until(lambda: flows.loaded)

        with pytest.raises(errors.NotFound):
            await flows.find(str(uuid4()))


async def test_every_change_is_seen_within_a_second(database_url: str, database: asyncpg.Connection) -> None:
    flow_id = await save(database)
    until_when = datetime.now(UTC) + timedelta(hours=1)

    async with fed(database_url) as flows:
        await until(lambda: flows.loaded)

        def known() -> flow_cache.State:
            flow = flows.get(flow_id)
            assert flow is not None
            return flow.state

        await database.execute("update flows set status = 'paused'")
        await until(lambda: known().status == "paused", within_s=1)

        await database.execute(
            "update flows set token_generation = 2, previous_generation = 1, previous_until = $1", until_when
        )
        await until(lambda: known().generation == 2, within_s=1)
        flow = flows.get(flow_id)
        assert flow is not None
        assert flow.generations(0) == (2, 1)
        assert flow.generations(int(until_when.timestamp() * 1000) + 1) == (2,)

        async with database.transaction():
            await database.execute(
                "insert into flow_versions (flow_id, version, document) select id, 2, '{}' from flows"
            )
            await database.execute("update flows set current_version = 2")
        await until(lambda: known().version == 2, within_s=1)
        flow = flows.get(flow_id)
        assert flow is not None
        assert flow.document == b"{}"

        await database.execute("update flows set deleted_at = now()")
        await until(lambda: flows.get(flow_id) is None, within_s=1)
        with pytest.raises(errors.NotFound):
            await flows.find(flow_id)


async def test_a_signed_flows_secrets_are_apart_from_its_document_whatever_changes(
    database_url: str, database: asyncpg.Connection
) -> None:
    flow_id = await save(database)
    auth = '{"steps":[{"type":"webhook","with":{"auth":{"hmac":{"secrets":["%s"]}}}}]}'
    await database.execute("update flow_versions set document = $1", auth % "hidden")

    async with fed(database_url, refresh_s=0.05) as flows:
        await until(lambda: flows.loaded)
        await database.execute("alter table flows disable trigger all")
        await database.execute("update flows set status = 'paused'")

        def known() -> flow_cache.Flow:
            flow = flows.get(flow_id)
            assert flow is not None
            return flow

        await until(lambda: known().state.status == "paused")

        assert known().secrets == ("hidden",)
        assert known().document.decode() == auth % "***"


async def test_a_missed_notification_is_repaired(database_url: str, database: asyncpg.Connection) -> None:
    flow_id = await save(database)

    async with fed(database_url, refresh_s=0.05) as flows:
        await until(lambda: flows.loaded)
        await database.execute("alter table flows disable trigger all")
        await database.execute("update flows set status = 'paused'")

        def is_paused() -> bool:
            flow = flows.get(flow_id)
            return flow is not None and flow.state.status == "paused"

        await until(is_paused)


async def test_without_postgres_known_flows_are_served_and_unknown_ones_are_unavailable(
    own_postgres: PostgresServer,
) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    database = await asyncpg.connect(url)
    flow_id = await save(database)
    await database.close()

    async with fed(url) as flows:
        await until(lambda: flows.loaded)
        await own_postgres.stop()

        assert (await flows.find(flow_id)).id == flow_id
        async with asyncio.timeout(2):
            with pytest.raises(errors.Unavailable):
                await flows.find(str(uuid4()))

        await own_postgres.start()
        database = await asyncpg.connect(url)
        await database.execute("update flows set status = 'paused'")
        await database.close()

        def is_paused() -> bool:
            flow = flows.get(flow_id)
            return flow is not None and flow.state.status == "paused"

        await until(is_paused, within_s=20)


async def test_a_start_without_postgres_waits_for_it(own_postgres: PostgresServer) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    await own_postgres.stop()

    async with fed(url) as flows:
        with pytest.raises(errors.Unavailable):
            await flows.find(str(uuid4()))
        assert not flows.loaded

        await own_postgres.start()
        await until(lambda: flows.loaded, within_s=20)


@pytest.mark.parametrize("name", ["find_flows", "list_flow_states"])
async def test_every_statement_fits_the_schema(database: asyncpg.Connection, name: str) -> None:
    await database.prepare(statement(name))
    await database.execute("select 1")  # else its locks are held on
