"""What the API reads of the record of runs. Payloads are JSON texts, exactly as they were recorded."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.debugger import statements


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run without payloads. What its request says is None while only events of it have come in."""

    id: str
    flow_id: str | None
    flow_name: str | None
    flow_version: int | None
    status: str
    mode: str | None
    trigger_kind: str | None
    trigger_run_id: str | None
    received_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    queued_ms: int | None
    run_ms: int | None
    reply_ms: int | None
    error: str | None
    redelivered: int


@dataclass(frozen=True, slots=True)
class StepRow:
    """One attempt at one step."""

    path: str
    attempt: int
    ref: str
    type: str
    title: str
    status: str
    started_at: datetime
    duration_ms: int | None
    input: str | None
    output: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Run(RunRow):
    """A run with its payloads and steps."""

    request: str | None
    input: str | None
    response: str | None
    steps: tuple[StepRow, ...]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are wanted. `since` counts, `until` no longer does, both in ms since the epoch; `before` is an id."""

    flow_id: str | None = None
    status: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    before: str | None = None

    @property
    def first(self) -> UUID | None:
        """The least id that counts."""
        return None if self.since_ms is None else _first_id_at(self.since_ms)

    @property
    def end(self) -> UUID | None:
        """The least id that no longer counts."""
        ends = [] if self.until_ms is None else [_first_id_at(self.until_ms)]
        ends += [] if self.before is None else [UUID(self.before)]
        return min(ends, default=None)


class RunStore:
    """The runs of an installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def page(self, wanted: RunFilter, limit: int) -> list[RunRow]:
        """Return runs, newest first."""
        flow_id = None if wanted.flow_id is None else UUID(wanted.flow_id)
        rows = await self._pool.fetch(
            statements.load("list_runs"), flow_id, wanted.status, wanted.first, wanted.end, limit
        )
        return [RunRow(**_columns(row)) for row in rows]

    async def find(self, run_id: str) -> Run | None:
        """Return the run with its steps in order, or None where nothing of it is recorded."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow(statements.load("find_run"), UUID(run_id))
            if row is None:
                return None
            steps = await connection.fetch(statements.load("list_run_steps"), row["id"])
        return Run(
            **_columns(row),
            request=row["request"],
            input=row["input"],
            response=row["response"],
            steps=tuple(StepRow(**dict(step)) for step in steps),
        )


def _first_id_at(at_ms: int) -> UUID:
    return UUID(int=max(0, min(at_ms, 2**48 - 1)) << 80)


def _columns(row: asyncpg.Record) -> dict[str, Any]:
    """Return what a `RunRow` needs of a row that has more."""
    wanted = {field.name: row[field.name] for field in fields(RunRow)}
    return wanted | {name: row[name] and str(row[name]) for name in ("id", "flow_id", "trigger_run_id")}
