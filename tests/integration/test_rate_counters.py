"""The shared count on PostgreSQL: the rules of its statements, and gateways that limit together through it."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from services.debugger import leftovers
from services.gateway.feed import statement
from services.gateway.rate_counters import Asked, CountersAway, GivenBack, PostgresCounters
from services.gateway.rate_limiter import Limiter
from services.gateway.rate_window import Limit
from tests.servers.postgres import PostgresServer
from tests.unit.gateway.counters import CountersBoard

pytestmark = pytest.mark.postgres

ADDRESS = "192.0.2.1"
LIMIT = Limit(300, 300)
WINDOW_MS = 300_000


@pytest.fixture
async def counters(database_url: str) -> AsyncIterator[PostgresCounters]:
    counters = PostgresCounters(database_url, LIMIT)
    await counters.open()
    yield counters
    await counters.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@asynccontextmanager
async def gateways(url: str, limit: Limit, number: int = 2) -> AsyncIterator[list[Limiter]]:
    """So many limiters that share one count."""
    async with AsyncExitStack() as stack:
        limiters = [Limiter(limit, PostgresCounters(url, limit), clock=time.monotonic) for _ in range(number)]
        for limiter in limiters:
            stack.push_async_callback(limiter.stop)
            await limiter.start()
        yield limiters


async def admitted(limiter: Limiter, address: str = ADDRESS) -> bool:
    standing = limiter.spend(address) or await limiter.count(address)
    return standing.admitted


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  # what the gateway does, it tells nobody here
            await asyncio.sleep(0.01)


def ask(wanted: int, *, ahead: int = 0, owed: int = 0, left_ms: int = WINDOW_MS, address: str = ADDRESS) -> Asked:
    return Asked(address, wanted, ahead, owed, left_ms)


@pytest.mark.parametrize("name", ["count_requests", "give_back_requests"])
async def test_every_statement_fits_the_schema(database: asyncpg.Connection, name: str) -> None:
    await database.prepare(statement(name))
    await database.execute("select 1")  # else its locks are held on


async def test_the_statements_and_the_tests_count_by_the_same_rules(counters: PostgresCounters) -> None:
    board = CountersBoard(LIMIT)
    choose = random.Random(7)
    addresses = [f"192.0.2.{n}" for n in range(4)]

    for _ in range(150):
        asked = [
            ask(choose.choice([0, 1, 5, 40, 300]), ahead=choose.choice([0, 0, 4, 100]), address=address,
                owed=choose.choice([0, 0, 0, 0, 0, 30]))
            for address in choose.sample(addresses, choose.randint(1, 4))
        ]  # fmt: skip
        expected = board.count(asked)
        answers = await counters.count(asked)

        for address, answer in answers.items():
            assert answer[:3] == expected[address][:3]
            assert 0 < answer.left_ms <= WINDOW_MS
            assert 0 <= answer.ahead_ms <= 250
            kept = choose.randint(0, answer.ahead)
            if answer.ahead > kept:
                await counters.give_back([GivenBack(address, answer.ahead - kept, answer.ends_at)])
                board.give_back([GivenBack(address, answer.ahead - kept, expected[address].ends_at)])


async def test_a_window_that_has_ended_begins_anew_and_takes_nothing_back(
    counters: PostgresCounters, database: asyncpg.Connection
) -> None:
    first = (await counters.count([ask(300)]))[ADDRESS]
    await database.execute("update rate_counters set ends_at = now()")

    second = (await counters.count([ask(1)]))[ADDRESS]
    await counters.give_back([GivenBack(ADDRESS, 100, first.ends_at)])
    third = (await counters.count([ask(1)]))[ADDRESS]

    assert (first.granted, second.granted, second.taken, third.taken) == (300, 1, 1, 2)
    assert third.ends_at == second.ends_at > first.ends_at


async def test_a_clock_that_was_set_back_makes_no_window_longer(
    counters: PostgresCounters, database: asyncpg.Connection
) -> None:
    await counters.count([ask(1)])
    await database.execute("update rate_counters set ends_at = now() + interval '1 day'")

    answer = (await counters.count([ask(1)]))[ADDRESS]

    assert answer.taken == 2
    assert answer.left_ms <= WINDOW_MS


async def test_the_window_that_a_gateway_began_alone_is_kept(counters: PostgresCounters) -> None:
    await counters.count([ask(1)])

    answer = (await counters.count([ask(0, owed=20, left_ms=5_000)]))[ADDRESS]

    assert answer.taken == 21
    assert answer.left_ms <= 5_000


async def test_two_gateways_and_a_hundred_senders_get_exactly_the_limit(database_url: str) -> None:
    async with gateways(database_url, LIMIT) as both:

        async def send(number: int) -> int:
            return sum([await admitted(both[(number + n) % 2]) for n in range(5)])

        got = await asyncio.gather(*(send(number) for number in range(100)))

    assert sum(got) == 300


async def test_what_one_gateway_got_ahead_and_does_not_need_the_other_one_gets(database_url: str) -> None:
    async with gateways(database_url, LIMIT) as (one, other):
        busy = sum([await admitted(one) for _ in range(60)])

        rest = sum(await asyncio.gather(*(admitted(other) for _ in range(400))))

    assert (busy, rest) == (60, 240)


async def test_four_gateways_share_out_many_addresses(database_url: str) -> None:
    limit = Limit(20, 300)
    choose = random.Random(1)
    async with gateways(database_url, limit, 4) as all_of_them:
        addresses = [f"2001:db8:0:{n:x}::/64" for n in range(30)]
        requests = [address for address in addresses for _ in range(25)]
        choose.shuffle(requests)

        async def send(address: str) -> str | None:
            return address if await admitted(choose.choice(all_of_them), address) else None

        got = await asyncio.gather(*(send(address) for address in requests))

    assert {address: got.count(address) for address in addresses} == dict.fromkeys(addresses, 20)


async def test_a_client_over_its_limit_costs_the_count_nothing(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url, Limit(3, 300), 1) as (limiter,):
        for _ in range(5):
            await admitted(limiter)
        await database.execute("drop table rate_counters")

        standings = [limiter.spend(ADDRESS) for _ in range(1000)]

    assert all(standing is not None and not standing.admitted for standing in standings)


async def test_a_request_after_retry_after_is_admitted_by_whatever_gateway(database_url: str) -> None:
    async with gateways(database_url, Limit(2, 1)) as (one, other):
        for _ in range(2):
            await admitted(one)
        refused = [await limiter.count(ADDRESS) for limiter in (one, other)]

        await asyncio.sleep(max(standing.reset_s for standing in refused))  # what is told is a time

        assert [standing.admitted for standing in refused] == [False, False]
        assert await admitted(other)
        assert await admitted(one)


async def test_while_the_count_is_away_each_gateway_goes_on_alone_and_tells_later(
    own_postgres: PostgresServer,
) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    async with gateways(url, Limit(10, 300)) as both:
        assert await admitted(both[0])
        await own_postgres.stop()

        alone = [sum([await admitted(limiter) for _ in range(12)]) for limiter in both]
        await own_postgres.start()

        async def told() -> bool:
            database = await asyncpg.connect(url)
            taken = await database.fetchval("select taken from rate_counters")
            await database.close()
            return bool(taken == 20)

        await until(told)

    assert alone == [9, 10]


async def test_a_count_that_hangs_is_given_up_soon(database_url: str, database: asyncpg.Connection) -> None:
    async with gateways(database_url, Limit(10, 300), 1) as (limiter,):
        assert await admitted(limiter)
        async with database.transaction():
            await database.execute("lock table rate_counters")

            async with asyncio.timeout(5):
                assert await admitted(limiter)


async def test_without_the_table_it_is_away(database_url: str, database: asyncpg.Connection) -> None:
    await database.execute("drop table rate_counters")

    with pytest.raises(CountersAway, match="rate_counters"):
        await PostgresCounters(database_url, LIMIT).open()


async def test_counts_of_ended_windows_are_deleted(
    database_url: str, counters: PostgresCounters, database: asyncpg.Connection
) -> None:
    await counters.count([ask(1, address=f"192.0.2.{n}") for n in range(5)])
    await database.execute("update rate_counters set ends_at = now() - interval '1 hour' where address < '192.0.2.3'")

    async with asyncpg.create_pool(database_url, min_size=0) as pool:
        deleted = await leftovers.delete(pool, leftovers.ENDED_WINDOWS)

    assert deleted == 3
    assert await database.fetchval("select count(*) from rate_counters") == 2
