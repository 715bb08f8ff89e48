"""The keys by which gateways recognise requests that were sent before: those older than a day are deleted here."""

from typing import Final

import asyncpg

from libs.common import lifecycle
from services.debugger import statements

AT_MOST: Final = 1_000
EVERY_S: Final = 300.0


async def delete_old(pool: asyncpg.Pool) -> int:
    """Delete the keys that gateways do not ask for any more, a batch at a time; return how many they were."""
    deleted = 0
    while True:
        status: str = await pool.execute(statements.load("delete_idempotency_keys"), AT_MOST)
        count = int(status.removeprefix("DELETE "))
        deleted += count
        if count < AT_MOST:
            return deleted


async def work(pool: asyncpg.Pool) -> None:
    """Delete them every few minutes, for ever; one of the leader's duties."""

    async def delete() -> None:
        await delete_old(pool)

    await lifecycle.every(EVERY_S, delete, name="idempotency-keys")
