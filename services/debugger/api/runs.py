"""The calls on runs: the list, and one run with its steps."""

from datetime import datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from services.debugger.api import answers, cursors, inputs, models
from services.debugger.run_store import Run, RunFilter, RunRow, RunStore, StepRow


class RunCalls:
    """Handlers of `/v1/runs`."""

    def __init__(self, runs: RunStore) -> None:
        self._runs = runs

    async def page(self, request: web.Request) -> web.Response:
        """List runs, newest first, without payloads. Ids bear their time, so a page stays put while runs come in."""
        wanted = inputs.query(request, models.RunQuery)
        before = cursors.read(wanted.cursor, UUID)
        rows = await self._runs.page(
            RunFilter(
                flow_id=wanted.flow_id,
                status=wanted.status,
                since_ms=_ms(wanted.since),
                until_ms=_ms(wanted.until),
                before=None if before is None else str(before),
            ),
            wanted.limit + 1,
        )
        shown = rows[: wanted.limit]
        cursor = cursors.write(shown[-1].id) if len(rows) > wanted.limit else None
        return answers.json_answer({"items": [_row(row) for row in shown], "next_cursor": cursor})

    async def read(self, request: web.Request) -> web.Response:
        """Show a run with its steps, everything as it was recorded."""
        run = await self._runs.find(inputs.identifier(request, "run_id", "run"))
        if run is None:
            raise inputs.missing("run")
        return answers.json_answer(_run(run))


def _ms(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


def _row(row: RunRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "flow_id": row.flow_id,
        "flow_name": row.flow_name,
        "flow_version": row.flow_version,
        "status": row.status,
        "mode": row.mode,
        "trigger": None if row.trigger_kind is None else {"kind": row.trigger_kind, "run_id": row.trigger_run_id},
        "received_at": answers.time(row.received_at),
        "started_at": answers.time(row.started_at),
        "finished_at": answers.time(row.finished_at),
        "queued_ms": row.queued_ms,
        "run_ms": row.run_ms,
        "reply_ms": row.reply_ms,
        "error": answers.raw(row.error),
        "redelivered": row.redelivered,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        **_row(run),
        "request": answers.raw(run.request),
        "input": answers.raw(run.input),
        "steps": [_step(step) for step in run.steps],
        "response": answers.raw(run.response),
    }


def _step(step: StepRow) -> dict[str, Any]:
    return {
        "ref": step.ref,
        "type": step.type,
        "title": step.title,
        "status": step.status,
        "path": step.path,
        "attempt": step.attempt,
        "started_at": answers.time(step.started_at),
        "duration_ms": step.duration_ms,
        "input": answers.raw(step.input),
        "output": answers.raw(step.output),
        "error": answers.raw(step.error),
    }
