"""What gateways leave behind in PostgreSQL and nobody asks for any more is deleted here, as the leader's duties."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from libs.common import lifecycle
from services.debugger import statements


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Rows that a statement deletes, at most so many at once, again every so often."""

    name: str
    statement: str
    at_most: int
    every_s: float


ENDED_WINDOWS: Final = Leftovers("rate-counters", "delete_rate_counters", 5_000, 60.0)
OLD_KEYS: Final = Leftovers("idempotency-keys", "delete_idempotency_keys", 1_000, 300.0)
ALL: Final = (ENDED_WINDOWS, OLD_KEYS)


async def delete(pool: asyncpg.Pool, what: Leftovers) -> int:
    """Delete them all, a batch at a time; return how many they were."""
    deleted = 0
    while True:
        status: str = await pool.execute(statements.load(what.statement), what.at_most)
        count = int(status.removeprefix("DELETE "))
        deleted += count
        if count < what.at_most:
            return deleted


async def work(pool: asyncpg.Pool, what: Leftovers) -> None:
    """Delete them again and again, for ever."""

    async def once() -> None:
        await delete(pool, what)

    await lifecycle.every(what.every_s, once, name=what.name)
