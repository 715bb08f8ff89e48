"""The counts of the gateways' rate limit: what a client that does not come back leaves behind is deleted here."""

from typing import Final

import asyncpg

from libs.common import lifecycle
from services.debugger import statements

AT_MOST: Final = 5_000
EVERY_S: Final = 60.0


async def delete_ended(pool: asyncpg.Pool) -> int:
    """Delete the rows of ended windows, a batch at a time; return how many they were."""
    deleted = 0
    while True:
        status: str = await pool.execute(statements.load("delete_rate_counters"), AT_MOST)
        count = int(status.removeprefix("DELETE "))
        deleted += count
        if count < AT_MOST:
            return deleted


async def work(pool: asyncpg.Pool) -> None:
    """Delete them every minute, for ever; one of the leader's duties."""

    async def delete() -> None:
        await delete_ended(pool)

    await lifecycle.every(EVERY_S, delete, name="rate-counters")
