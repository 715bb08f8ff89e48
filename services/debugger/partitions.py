"""Partitions are made ahead, a day each, so that old data leaves by dropping tables and not by deleting rows."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg

from libs.common.lifecycle import Duty, every
from services.debugger import statements

DAYS_BEHIND: Final = 1
DAYS_AHEAD: Final = 7
EVERY_S: Final = 3600.0
_PATIENCE: Final = "set local lock_timeout = '2s'"  # whoever waits for the lock makes everybody else wait behind it


async def make_ahead(connection: Any, today: date | None = None) -> None:
    """Make the partitions from yesterday to a week ahead, as far as they are missing."""
    today = today or datetime.now(UTC).date()
    async with connection.transaction():
        await connection.execute(_PATIENCE)
        await connection.execute(
            statements.load("make_partitions"),
            today - timedelta(days=DAYS_BEHIND),
            today + timedelta(days=DAYS_AHEAD),
        )


def duty(pool: asyncpg.Pool) -> Duty:
    """Return the duty that makes them, hourly; a round that fails is tried again by the next one."""

    async def make() -> None:
        async with pool.acquire() as connection:
            await make_ahead(connection)

    return Duty("partitions", lambda: every(EVERY_S, make, name="partitions"))
