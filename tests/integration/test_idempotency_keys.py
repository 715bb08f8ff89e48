"""The shared keys on PostgreSQL: the rules of their statements, and gateways that recognise each other's requests."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from libs.common import ids, messages, topology
from libs.common.bus.memory import MemoryBroker
from services.debugger import leftovers
from services.gateway import metrics
from services.gateway.feed import statement
from services.gateway.flows import Flow
from services.gateway.key_store import SESSION, Claim, KeysAway, Mark, Place, PostgresKeys
from tests.servers.postgres import PostgresServer
from tests.unit.gateway import samples
from tests.unit.gateway.memory_keys import MemoryKeys
from tests.unit.gateway.world import JSON, Reply, World, result

pytestmark = pytest.mark.postgres

KEY = {"Idempotency-Key": "order-7"}
ANSWER = messages.Response(status=201, headers={"X-A": "ä"}, body="\0€")


@pytest.fixture
async def keys(database_url: str) -> AsyncIterator[PostgresKeys]:
    keys = PostgresKeys(database_url)
    await keys.open()
    yield keys
    await keys.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def gateways(url: str, number: int = 2, **settings: Any) -> AsyncIterator[list[World]]:
    """So many gateways on one bus and one PostgreSQL."""
    broker = MemoryBroker(topology.TOPOLOGY)
    async with AsyncExitStack() as stack:
        worlds = []
        for _ in range(number):
            world = World(keys=PostgresKeys(url), broker=broker, gateway_id=ids.new_id(), **settings)
            await world.start()
            stack.push_async_callback(world.stop)
            worlds.append(world)
        yield worlds


def flow(worlds: list[World], **webhook: Any) -> Flow:
    saved = samples.flow(saved=samples.document(**webhook))
    for world in worlds:
        world.save(saved)
    return saved


def runs(worlds: list[World]) -> int:
    return sum(world.runs.qsize() for world in worlds)


def replayed(reply: Reply) -> bool:
    return "Flowhook-Idempotent-Replay" in reply.headers


def failing(run: messages.RunRequest) -> messages.Result:
    return result(run, status="error", error=messages.RunError(code="x", message="y", step="a"))


async def state_is(database: asyncpg.Connection, *states: str) -> None:
    """Return once these are the states of all keys."""
    async with asyncio.timeout(10):
        while True:
            rows = await database.fetch("select state from idempotency_keys")
            if sorted(row["state"] for row in rows) == sorted(states):
                return
            await asyncio.sleep(0.01)


async def record(database: asyncpg.Connection, run_id: str, status: str, response: str | None = None) -> None:
    await database.execute(
        "insert into runs (id, received_at, status, started_at, finished_at, response)"
        " values ($1, now(), $2::text, now(), case when $2 = 'running' then null else now() end, $3)",
        UUID(run_id),
        status,
        response,
    )


# --- the statements


@pytest.mark.parametrize("name", ["claim_keys", "find_keys", "mark_keys"])
async def test_every_statement_fits_the_schema(database: asyncpg.Connection, name: str) -> None:
    await database.prepare(statement(name))
    await database.execute("select 1")  # else its locks are held on


async def test_the_statements_and_the_tests_keep_keys_by_the_same_rules(keys: PostgresKeys) -> None:
    board = MemoryKeys()
    choose = random.Random(7)
    places = [Place(str(uuid4()), bytes([number]) * 32) for number in range(5)]
    run_ids = [ids.new_id() for _ in range(6)]
    states: Any = ["sent", "accepted", "refused", "unknown", "succeeded", "failed"]

    for _ in range(200):
        chosen = choose.sample(places, choose.randint(1, 4))
        claims = [
            Claim(place, bytes([choose.randint(1, 2)]) * 32, choose.choice(run_ids),
                  choose.choice([None, msgspec.json.encode(ANSWER)]), choose.choice([None, None, *run_ids]))
            for place in chosen
        ]  # fmt: skip
        assert set(await keys.claim(claims)) == set(await board.claim(claims))
        marks = [
            Mark(place, choose.choice(run_ids), choose.choice(states),
                 choose.choice([None, msgspec.json.encode(ANSWER)]))
            for place in chosen
        ]  # fmt: skip
        await keys.mark(marks)
        await board.mark(marks)

        found, expected = await keys.find(places), await board.find(places)

        assert found.keys() == expected.keys()
        for place, one in found.items():
            assert one.kept == expected[place].kept
            assert one.earlier.age_ms < 60_000
            assert replace(one.earlier, age_ms=0) == expected[place].earlier


async def test_a_key_is_given_anew_after_a_day(keys: PostgresKeys, database: asyncpg.Connection) -> None:
    place = Place(str(uuid4()), b"k" * 32)
    claims = [Claim(place, b"r" * 32, ids.new_id()) for _ in range(3)]
    assert await keys.claim(claims[:1])
    assert not await keys.claim(claims[1:2])
    await database.execute("update idempotency_keys set claimed_at = now() - interval '24 hours 1 second'")

    assert not await keys.find([place])
    assert await keys.claim(claims[2:])
    assert (await keys.find([place]))[place].earlier.run_id == claims[2].run_id


@pytest.mark.parametrize(
    ("status", "response", "whole"),
    [
        ("success", '{"status": 201, "headers": {"X-A": "b"}, "body": "c"}', True),
        ("success", None, True),
        ("success", '{"status": 200, "headers": {}, "body": "c… (cut, 70000 bytes)"}', False),
        ("success", '{"status": 200, "headers": {}, "body": "a *** b"}', False),
        ("success", '{"status": 200, "headers": {"X-A": "***"}, "body": ""}', False),
        ("running", None, False),
        ("error", '{"status": 500, "headers": {}, "body": ""}', False),
    ],
)
async def test_what_the_record_knows_stands_beside_the_key(
    keys: PostgresKeys, database: asyncpg.Connection, status: str, response: str | None, whole: bool
) -> None:
    place, run_id = Place(str(uuid4()), b"k" * 32), ids.new_id()
    await keys.claim([Claim(place, b"r" * 32, run_id)])
    await record(database, run_id, status, response)

    found = (await keys.find([place]))[place]

    assert (found.earlier.status, found.earlier.recorded) == (status, whole)


@pytest.mark.parametrize(
    ("name", "nulls"), [("find_keys", "null, null, null"), ("mark_keys", "null, null, null, null, null")]
)
async def test_keys_and_runs_are_looked_up_one_by_one(
    database_url: str, database: asyncpg.Connection, name: str, nulls: str
) -> None:
    await database.execute("select make_run_partitions(current_date - 3, current_date + 3)")
    connection = await asyncpg.connect(database_url, server_settings=SESSION)
    await connection.execute(f"prepare asked as {statement(name)}")

    plan = "\n".join(row[0] for row in await connection.fetch(f"explain execute asked ({nulls})"))
    await connection.close()

    assert "Seq Scan" not in plan
    assert "Hash Join" not in plan


async def test_without_the_table_they_are_away(database_url: str, database: asyncpg.Connection) -> None:
    await database.execute("drop table idempotency_keys")

    with pytest.raises(KeysAway, match="idempotency_keys"):
        await PostgresKeys(database_url).open()


async def test_old_keys_are_deleted(database_url: str, keys: PostgresKeys, database: asyncpg.Connection) -> None:
    flow_id = str(uuid4())
    await keys.claim([Claim(Place(flow_id, bytes([n]) * 32), b"r" * 32, ids.new_id()) for n in range(5)])
    await database.execute(
        "update idempotency_keys set claimed_at = now() - interval '26 hours' where key < $1", bytes([3])
    )

    async with asyncpg.create_pool(database_url, min_size=0) as pool:
        deleted = await leftovers.delete(pool, leftovers.OLD_KEYS)

    assert deleted == 3
    assert await database.fetchval("select count(*) from idempotency_keys") == 2


# --- gateways


async def test_a_hundred_requests_at_once_through_two_gateways_run_once(database_url: str) -> None:
    async with gateways(database_url) as both:
        saved = flow(both)

        replies = await asyncio.gather(
            *(both[number % 2].call(saved, headers=KEY, json={"a": 1}) for number in range(100))
        )

        assert runs(both) == 1
    assert {(reply.status, reply.body, reply.run_id) for reply in replies} == {
        (200, b'{"a": 1}', replies[0].run_id),
    }
    assert sum(map(replayed, replies)) == 99


async def test_many_keys_at_once_each_run_once(database_url: str) -> None:
    async with gateways(database_url) as both:
        saved = flow(both)
        order = [number % 30 for number in range(120)]
        random.Random(3).shuffle(order)

        replies = await asyncio.gather(
            *(
                both[number % 2].call(saved, headers={"Idempotency-Key": f"k{key}"}, json={"a": key})
                for number, key in enumerate(order)
            )
        )

        assert runs(both) == 30
    assert {reply.status for reply in replies} == {200}
    assert [reply.json["a"] for reply in replies] == order


async def test_the_other_gateway_replays_exactly(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url) as both:
        saved = flow(both)
        body = "ä\0" * 100_000
        for world in both:
            world.answer = lambda run: result(
                run, response=messages.Response(status=418, headers={"X-A": "b"}, body=body)
            )
        first = await both[0].call(saved, headers=KEY, json={"a": 1})

        second = await both[1].call(saved, headers=KEY, json={"a": 1})
        conflict = await both[1].call(saved, headers=KEY, json={"a": 2})

        assert runs(both) == 1
    assert (first.status, second.status, conflict.status) == (418, 418, 422)
    assert second.body == first.body == body.encode()
    assert second.headers["X-A"] == "b"
    assert conflict.json["error"] == "idempotency_conflict"


async def test_a_request_at_the_other_gateway_waits_for_the_run(
    database_url: str, database: asyncpg.Connection
) -> None:
    async with gateways(database_url) as both:
        saved = flow(both)
        for world in both:
            world.answer = lambda run: None
        first = asyncio.create_task(both[0].call(saved, headers=KEY, json={"a": 1}))
        await state_is(database, "accepted")
        second = asyncio.create_task(both[1].call(saved, headers=KEY, json={"a": 1}))
        run = (both[0].runs if both[1].runs.empty() else both[1].runs).get_nowait()

        both[0].reply(run, result(run))
        replies = [await first, await second]

    assert [(reply.status, reply.body, reply.run_id) for reply in replies] == [(200, b"null", run.run_id)] * 2
    assert [replayed(reply) for reply in replies] == [False, True]


async def test_the_wait_at_the_other_gateway_is_as_long_as_any(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url, sync_timeout_seconds=0.5) as both:
        saved = flow(both)
        for world in both:
            world.answer = lambda run: None

        replies = await asyncio.gather(*(world.call(saved, headers=KEY) for world in both))

        assert runs(both) == 1
    assert [(reply.status, reply.run_id) for reply in replies] == [(408, replies[0].run_id)] * 2


async def test_a_retry_of_what_failed_runs_at_whatever_gateway(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url) as both:
        saved = flow(both)
        answers = [world.answer for world in both]
        for world in both:
            world.answer = failing
        first = await both[0].call(saved, headers=KEY, json={"a": 1})
        await state_is(database, "failed")
        for world, answer in zip(both, answers, strict=True):
            world.answer = answer

        replies = await asyncio.gather(
            *(both[number % 2].call(saved, headers=KEY, json={"a": 1}) for number in range(50))
        )

        assert runs(both) == 2
    assert first.status == 500
    assert {(reply.status, reply.run_id) for reply in replies} == {(200, replies[0].run_id)}
    assert sum(map(replayed, replies)) == 49


async def test_a_run_of_which_nothing_is_known_gives_way_once(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url) as both:
        saved = flow(both)
        first = await both[0].call(saved, headers=KEY, json={"a": 1})
        await state_is(database, "succeeded")
        await database.execute("update idempotency_keys set state = 'unknown', response = null")

        replies = await asyncio.gather(
            *(both[number % 2].call(saved, headers=KEY, json={"a": 1}) for number in range(50))
        )

        assert runs(both) == 2
        (replaced,) = await database.fetch("select replaces from idempotency_keys")
    assert {(reply.status, reply.run_id) for reply in replies} == {(200, replies[0].run_id)}
    assert sum(map(replayed, replies)) == 49
    assert str(replaced["replaces"]) == first.run_id


async def test_what_only_the_record_knows_counts(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url, sync_timeout_seconds=0.3) as both:
        saved = flow(both)
        for world in both:
            world.answer = lambda run: None
        first = await both[0].call(saved, headers=KEY)  # its result comes to a gateway that is gone, say
        await state_is(database, "accepted")
        recorded = messages.Response(status=203, headers=JSON, body="7")
        await record(database, first.run_id, "success", msgspec.json.encode(recorded).decode())

        second = await both[1].call(saved, headers=KEY)
        await database.execute("update runs set status = 'cancelled'")
        third = await both[1].call(saved, headers=KEY)

    assert first.status == 408
    assert (second.status, second.body, second.run_id, replayed(second)) == (203, b"7", first.run_id, True)
    assert third.run_id != first.run_id


async def test_an_asynchronous_flow_gives_the_same_answer_everywhere(database_url: str) -> None:
    async with gateways(database_url) as both:
        saved = flow(both, **{"async": True, "response": {"status": 202, "body": "{{ request.run_id }}"}})

        replies = await asyncio.gather(*(both[number % 2].call(saved, headers=KEY, json={}) for number in range(40)))

        assert runs(both) == 1
    assert {(reply.status, reply.body.decode()) for reply in replies} == {(202, replies[0].run_id)}
    assert sum(map(replayed, replies)) == 39


async def test_while_postgresql_is_away_requests_run_undeduplicated_and_are_counted(
    own_postgres: PostgresServer,
) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    async with gateways(url) as both:
        saved = flow(both)
        first = await both[0].call(saved, headers=KEY, json={"a": 1})
        await own_postgres.stop()
        before = metrics.UNDEDUPLICATED._value.get()

        away = [await world.call(saved, headers=KEY, json={"a": 1}) for world in both]
        counted = metrics.UNDEDUPLICATED._value.get() - before
        await own_postgres.start()

        async def deduplicated_again() -> Reply:
            while True:
                reply = await both[1].call(saved, headers=KEY, json={"a": 1})
                if replayed(reply):
                    return reply
                await asyncio.sleep(0.05)

        again = await asyncio.wait_for(deduplicated_again(), 20)

    assert [(reply.status, replayed(reply)) for reply in away] == [(200, False)] * 2
    assert counted == 2
    assert again.run_id == first.run_id


async def test_keys_that_hang_are_given_up_soon(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url, 1) as (world,):
        saved = flow([world])
        async with database.transaction():
            await database.execute("lock table idempotency_keys")

            async with asyncio.timeout(5):
                reply = await world.call(saved, headers=KEY)

    assert (reply.status, replayed(reply)) == (200, False)
