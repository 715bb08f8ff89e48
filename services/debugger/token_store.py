"""Personal access tokens in PostgreSQL: only their hash is kept, so nobody can read one there."""

from dataclasses import dataclass
from hashlib import sha256

import asyncpg

from libs.common import ids
from services.debugger import statements


@dataclass(frozen=True, slots=True)
class Token:
    """What a token opens."""

    id: str
    scopes: frozenset[str]


class TokenStore:
    """The tokens of an installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, text: str) -> Token | None:
        """Return the token, or None if nobody has it or its time is up; remember, to the minute, that it was used."""
        row = await self._pool.fetchrow(statements.load("find_token"), digest(text))
        if row is None:
            return None
        if row["stale"]:
            await self._pool.execute(statements.load("touch_token"), row["id"])
        return Token(str(row["id"]), frozenset(row["scopes"]))

    async def ensure(self, text: str, *, scopes: tuple[str, ...], note: str) -> None:
        """Make this text a token for good, if it is none yet."""
        await self._pool.execute(statements.load("insert_token"), ids.new_id(), digest(text), list(scopes), note)


def digest(text: str) -> bytes:
    """Return what is kept of a token. It is random and long, so one plain hash is enough."""
    return sha256(text.encode()).digest()
