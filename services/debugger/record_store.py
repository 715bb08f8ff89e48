"""The transaction of a batch: lock what is known, fold, write. All or nothing."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from libs.common import messages
from services.debugger import folding, records, rows, statements

_RECORDERS_LOCK: Final = 0x7265636F7264  # "record"
MARKS_CHANNEL: Final = "flowhook_marks"


class RecordStore:
    """Where runs, steps and journals are kept."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def write(self, items: Sequence[folding.Item]) -> folding.Consequences:
        """Record the items in order, in one transaction; return what is to be told to others now that it is committed.

        Writing the same items again changes nothing more. Raises the driver's errors, see `database.is_away`.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            now_ms = await connection.fetchval(statements.load("begin_batch"), _RECORDERS_LOCK, column=1)
            runs = await _known_runs(connection, items)
            told = folding.fold(runs, items, now_ms)
            await _write(connection, [run for run in runs.values() if run.changed])
            for mark in told.marks:
                await connection.execute("select pg_notify($1, $2)", MARKS_CHANNEL, mark)
        return told


async def _known_runs(connection: Any, items: Sequence[folding.Item]) -> dict[str, records.RunRecord]:
    ids = list({item.run_id for item in items if not isinstance(item, messages.Mark)})
    found = await connection.fetch(statements.load("lock_runs"), ids)
    runs = {run.run_id: run for run in map(rows.from_row, found)}
    claimed = list({item.run_id for item in items if isinstance(item, messages.Claim)} & runs.keys())
    if claimed:
        for row in await connection.fetch(statements.load("list_journals"), claimed):
            runs[str(row["run_id"])].journaled[row["path"]] = row["entry"].encode()
    return runs


async def _write(connection: Any, runs: list[records.RunRecord]) -> None:
    await _execute(connection, "upsert_runs", rows.run_arrays(runs) if runs else ())
    await _execute(connection, "upsert_steps", rows.step_arrays(runs))
    await _execute(connection, "upsert_journals", rows.journal_arrays(runs))
    ended = [run.run_id for run in runs if run.ended and run.stored and not run.ended_before]
    await _execute(connection, "delete_journals", (ended,) if ended else ())


async def _execute(connection: Any, name: str, arrays: tuple[list[Any], ...]) -> None:
    if arrays:
        await connection.execute(statements.load(name), *arrays)
