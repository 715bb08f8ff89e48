"""From the record of a run to columns and back: names, order and conversions in one place.

A batch is written by `unnest`, one array a column. Payloads are masked and cut on their way; the journal stays exact.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from libs.common import messages
from services.debugger import cutting, leases, masking, records

Getter = Callable[[records.RunRecord], Any]
Arrays = tuple[list[Any], ...]

_KEPT: Final = (  # what a record takes from its row as it stands
    "reply_to",
    "received_at_ms",
    "started_at_ms",
    "finished_at_ms",
    "queued_ms",
    "run_ms",
    "reply_status",
    "reply_ms",
    "woken_at_ms",
    "swept_at_ms",
    "refused_at_ms",
    "seen_at_ms",
    "steps_seen",
)


def text(value: str) -> str:
    """Return a text that PostgreSQL takes: NUL is the one character that it has no room for outside of JSON."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


def shown(data: bytes) -> str:
    """Return a payload as the record shows it."""
    return cutting.cut_json(masking.mask_json(data)).decode()


def _json(value: Any) -> str:
    return cutting.cut_json(msgspec.json.encode(value)).decode()


def _response(response: messages.Response | None) -> str | None:
    if response is None:
        return None
    headers = {name: cutting.cut_text(value) for name, value in response.headers.items()}
    shown = {"status": response.status, "headers": headers, "body": cutting.cut_text(response.body)}
    return msgspec.json.encode(shown).decode()


def _run_error(error: messages.RunError | None) -> str | None:
    return None if error is None else _json({"code": error.code, "message": error.message, "step": error.step})


def _step_error(error: messages.RunError | None) -> str | None:
    return None if error is None else _json({"code": error.code, "message": error.message})


def http_request(request: messages.HttpRequest | None) -> str | None:
    """Return the HTTP request as the record shows it."""
    if request is None:
        return None
    shown = {
        "method": request.method,
        "path": request.path,
        "query": msgspec.Raw(cutting.cut_json(bytes(request.query))),
        "headers": masking.masked_headers(request),
        "ip": request.ip,
        "body": cutting.cut_text(request.body),
    }
    return msgspec.json.encode(shown).decode()


def _of_request(get: Callable[[messages.RunRequest], Any]) -> Getter:
    return lambda run: None if run.request is None else get(run.request)


def _of_state(get: Callable[[leases.RunState], Any]) -> Getter:
    def column(run: records.RunRecord) -> Any:
        assert run.state is not None
        return get(run.state)

    return column


RUN_COLUMNS: Final[Mapping[str, Getter]] = {  # in the order of upsert_runs.sql's parameters
    "id": lambda run: run.run_id,
    "flow_id": _of_request(lambda request: request.flow_id),
    "flow_name": _of_request(lambda request: text(request.flow_name)),
    "flow_version": _of_request(lambda request: request.flow_version),
    "mode": _of_request(lambda request: request.mode),
    "lane": _of_request(lambda request: request.lane),
    "reply_to": _of_request(lambda request: request.reply_to),
    "trigger_kind": _of_request(lambda request: request.trigger.kind),
    "trigger_run_id": _of_request(lambda request: request.trigger.run_id),
    "request": _of_request(lambda request: http_request(request.request)),
    "input": _of_request(lambda request: cutting.cut_json(bytes(request.input)).decode()),
    "received_at": lambda run: run.received_at_ms,
    "status": _of_state(lambda state: state.status),
    "started_at": lambda run: run.started_at_ms,
    "finished_at": lambda run: run.finished_at_ms,
    "queued_ms": lambda run: run.queued_ms,
    "run_ms": lambda run: run.run_ms,
    "response": lambda run: _response(run.response),
    "error": lambda run: _run_error(run.error),
    "reply_status": lambda run: run.reply_status,
    "reply_ms": lambda run: run.reply_ms,
    "attempt": _of_state(lambda state: state.attempt),
    "holder": _of_state(lambda state: state.holder),
    "nonce": _of_state(lambda state: state.nonce),
    "nonces": _of_state(lambda state: " ".join(state.nonces)),
    "announced": _of_state(lambda state: state.announced),
    "released": _of_state(lambda state: state.released),
    "lost": _of_state(lambda state: state.lost),
    "redelivered": _of_state(lambda state: state.redelivered),
    "now_ms": _of_state(lambda state: state.now_ms),
    "parked_until": _of_state(lambda state: state.parked_until_ms),
    "woken_at": lambda run: run.woken_at_ms,
    "swept_at": lambda run: run.swept_at_ms,
    "refused_at": lambda run: run.refused_at_ms,
    "seen_at": lambda run: run.seen_at_ms,
    "steps_seen": lambda run: run.steps_seen,
}


def run_arrays(runs: Iterable[records.RunRecord]) -> Arrays:
    """Return the columns of `upsert_runs`."""
    runs = tuple(runs)
    return tuple([get(run) for run in runs] for get in RUN_COLUMNS.values())


def step_arrays(runs: Iterable[records.RunRecord]) -> Arrays:
    """Return the columns of `upsert_steps`."""
    rows = [_step_row(run.run_id, position, step) for run in runs for position, step in run.steps.values()]
    return tuple(map(list, zip(*rows, strict=True)))


def _step_row(run_id: str, position: int, step: messages.Step) -> tuple[Any, ...]:
    return (
        run_id,
        text(step.path),
        step.attempt,
        position,
        text(step.ref),
        text(step.type),
        text(step.title),
        step.status,
        step.started_at_ms,
        step.duration_ms,
        shown(bytes(step.input)),
        shown(bytes(step.output)),
        _step_error(step.error),
    )


def journal_arrays(runs: Iterable[records.RunRecord]) -> Arrays:
    """Return the columns of `upsert_journals`: what unfinished runs add."""
    rows = [
        (run.run_id, text(path), entry.decode()) for run in runs if not run.ended for path, entry in run.journal.items()
    ]
    return tuple(map(list, zip(*rows, strict=True)))


def from_row(row: Mapping[str, Any]) -> records.RunRecord:
    """Return the record of a row of `lock_runs`."""
    state = leases.RunState(
        status=row["status"],
        attempt=row["attempt"],
        holder=row["holder"],
        nonce=row["nonce"],
        nonces=tuple(row["nonces"]),
        announced=row["announced"],
        released=row["released"],
        lost=row["lost"],
        redelivered=row["redelivered"],
        now_ms=row["now_ms"],
        parked_until_ms=row["parked_until_ms"],
        known=row["known"],
        seen=row["seen_at_ms"] is not None,
        refused=row["refused_at_ms"] is not None,
    )
    return records.RunRecord(
        str(row["id"]),
        state,
        stored=True,
        ended_before=state.ended,
        error=row["error"] and msgspec.json.decode(row["error"], type=messages.RunError),
        **{name: row[name] for name in _KEPT},
    )
