"""Personal access tokens in PostgreSQL: only their hash is kept, so nobody can read one there."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from libs.common import ids, personal_tokens
from services.debugger import statements


@dataclass(frozen=True, slots=True)
class Token:
    """What a token opens."""

    id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token without its text, which nobody knows but its bearer."""

    id: str
    scopes: tuple[str, ...]
    note: str
    expires_at: datetime | None
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What becomes of a token's end: `changes`, to so many days from now or to never; else it stays."""

    changes: bool
    days: int | None = None


class TokenStore:
    """The tokens of an installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, text: str) -> Token | None:
        """Return the token, or None if nobody has it or its time is up; remember, to the minute, that it was used."""
        row = await self._pool.fetchrow(statements.load("find_token"), personal_tokens.digest(text))
        if row is None:
            return None
        if row["stale"]:
            await self._pool.execute(statements.load("touch_token"), row["id"])
        return Token(str(row["id"]), frozenset(row["scopes"]))

    async def ensure(self, text: str, *, scopes: tuple[str, ...], note: str) -> None:
        """Make this text a token for good, if it is none yet."""
        await self._insert(text, scopes, note, None)

    async def create(self, text: str, *, scopes: tuple[str, ...], note: str, days: int | None) -> TokenRow:
        """Keep a new token that ends after so many days, or never."""
        return _row(await self._insert(text, scopes, note, days))

    async def _insert(self, text: str, scopes: tuple[str, ...], note: str, days: int | None) -> asyncpg.Record | None:
        digest = personal_tokens.digest(text)
        statement = statements.load("insert_token")
        return await self._pool.fetchrow(statement, UUID(ids.new_id()), digest, list(scopes), note, days)

    async def page(self, before: UUID | None, limit: int) -> list[TokenRow]:
        """Return tokens, newest first."""
        return [_row(row) for row in await self._pool.fetch(statements.load("list_tokens"), before, limit)]

    async def delete(self, token_id: str) -> bool:
        """Revoke the token; tell whether it was there."""
        return await self._pool.fetchval(statements.load("delete_token"), UUID(token_id)) is not None

    async def regenerate(self, token_id: str, text: str, renewal: Callable[[TokenRow], Renewal]) -> TokenRow | None:
        """Give the token this text instead of its last one; None if there is no such token.

        What becomes of its end, `renewal` says; an exception that it raises changes nothing and is passed on.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(statements.load("lock_token"), UUID(token_id))
            if row is None:
                return None
            wanted = renewal(_row(row))
            digest = personal_tokens.digest(text)
            statement = statements.load("regenerate_token")
            return _row(await connection.fetchrow(statement, row["id"], digest, wanted.changes, wanted.days))


def _row(row: asyncpg.Record | None) -> TokenRow:
    assert row is not None
    return TokenRow(
        str(row["id"]),
        tuple(row["scopes"]),
        row["note"],
        row["expires_at"],
        row["last_used"],
    )
