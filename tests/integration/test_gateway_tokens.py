"""Gateways' personal access tokens follow PostgreSQL within a second, and outlive it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.common import errors, ids, personal_tokens
from libs.common.times import now_ms
from services.gateway.feed import statement
from services.gateway.personal_tokens import PersonalTokens
from services.gateway.token_feed import TokenFeed
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def fed(database_url: str, *, limit: int = 100, **options: Any) -> AsyncIterator[PersonalTokens]:
    """A gateway's tokens."""
    tokens = PersonalTokens(limit=limit, clock_ms=now_ms)
    feed = TokenFeed(tokens, database_url, limit=limit, **{"refresh_s": 60, **options})
    await feed.start()
    try:
        yield tokens
    finally:
        await feed.stop()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def make(database: asyncpg.Connection, scope: str = "automation") -> tuple[UUID, str]:
    text, token_id = personal_tokens.new(), UUID(ids.new_id())
    await database.execute(
        "insert into personal_access_tokens (id, hash, scopes) values ($1, $2, $3)",
        token_id,
        personal_tokens.digest(text),
        [scope],
    )
    return token_id, text


async def until(condition: Callable[[], Awaitable[object]], *, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  # what the database does, it tells nobody here
            await asyncio.sleep(0.005)


async def test_revoking_and_regenerating_close_every_gateway_within_a_second(
    database_url: str, database: asyncpg.Connection
) -> None:
    revoked_id, revoked = await make(database)
    changed_id, changed = await make(database)
    new = personal_tokens.new()

    async with fed(database_url) as one, fed(database_url) as two:
        for gateway in (one, two):
            assert await gateway.opens(revoked)
            assert await gateway.opens(changed)

        await database.execute("delete from personal_access_tokens where id = $1", revoked_id)
        await database.execute(
            "update personal_access_tokens set hash = $2 where id = $1", changed_id, personal_tokens.digest(new)
        )

        async def closed() -> bool:
            return not any([await gateway.opens(text) for gateway in (one, two) for text in (revoked, changed)])

        await until(closed, within_s=1)
        assert await one.opens(new)
        assert await two.opens(new)


async def test_narrower_scopes_and_an_earlier_end_are_seen_within_a_second(
    database_url: str, database: asyncpg.Connection
) -> None:
    narrowed_id, narrowed = await make(database)
    ended_id, ended = await make(database)

    async with fed(database_url) as tokens:
        assert await tokens.opens(narrowed)
        assert await tokens.opens(ended)

        await database.execute(
            "update personal_access_tokens set scopes = '{automation:view}' where id = $1", narrowed_id
        )
        await database.execute("update personal_access_tokens set expires_at = now() where id = $1", ended_id)

        async def has_ended() -> bool:
            return not await tokens.opens(ended)

        await until(has_ended, within_s=1)
        with pytest.raises(errors.Forbidden):
            await tokens.opens(narrowed)


async def test_a_token_opens_right_after_it_was_made_and_one_that_nobody_made_does_not(
    database_url: str, database: asyncpg.Connection
) -> None:
    async with fed(database_url) as tokens:
        _, text = await make(database, "automation:webhook_run")

        assert await tokens.opens(text)
        assert not await tokens.opens(personal_tokens.new())


async def test_more_tokens_than_are_kept_are_all_found(database_url: str, database: asyncpg.Connection) -> None:
    texts = [(await make(database))[1] for _ in range(5)]

    async with fed(database_url, limit=2) as tokens:
        assert all([await tokens.opens(text) for text in texts])
        assert len(tokens) == 2


async def test_a_missed_notification_is_repaired(database_url: str, database: asyncpg.Connection) -> None:
    _, text = await make(database)

    async with fed(database_url, refresh_s=0.05) as tokens:
        await database.execute("alter table personal_access_tokens disable trigger all")
        await database.execute("delete from personal_access_tokens")

        async def closed() -> bool:
            return not await tokens.opens(text)

        await until(closed)


async def test_uses_are_written_in_one_batch_and_wake_nobody(database_url: str, database: asyncpg.Connection) -> None:
    used = [await make(database) for _ in range(3)]
    unused_id, _ = await make(database)
    heard: list[object] = []
    await database.add_listener("flowhook_tokens", lambda *notice: heard.append(notice))

    async with fed(database_url, used_every_s=0.02) as tokens:
        for _, text in used:
            assert await tokens.opens(text)

        async def written() -> bool:
            count: int = await database.fetchval(
                "select count(*) from personal_access_tokens where last_used > now() - interval '1 minute'"
            )
            return count == len(used)

        await until(written)

    never = await database.fetchval("select last_used from personal_access_tokens where id = $1", unused_id)
    assert never is None
    assert heard == []


async def test_without_postgres_known_tokens_open_and_unknown_ones_are_unavailable(
    own_postgres: PostgresServer,
) -> None:
    url = own_postgres.url_of(await own_postgres.create())
    database = await asyncpg.connect(url)
    token_id, text = await make(database)
    await database.close()

    async with fed(url, used_every_s=0.02) as tokens:
        await own_postgres.stop()

        assert await tokens.opens(text)
        async with asyncio.timeout(2):
            with pytest.raises(errors.Unavailable):
                await tokens.opens(personal_tokens.new())

        await own_postgres.start()
        database = await asyncpg.connect(url)
        await database.execute("delete from personal_access_tokens where id = $1", token_id)
        await database.close()

        async def closed() -> bool:
            try:
                return not await tokens.opens(text)
            except errors.Unavailable:
                return False

        await until(closed, within_s=20)


@pytest.mark.parametrize("name", ["find_tokens", "list_tokens", "touch_tokens"])
async def test_every_statement_fits_the_schema(database: asyncpg.Connection, name: str) -> None:
    await database.prepare(statement(name))
    await database.execute("select 1")  # else its locks are held on
