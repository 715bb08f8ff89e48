"""The names that a flow's templates see."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from libs.common import messages
from libs.common.flow import program


def names_of(request: messages.RunRequest, flow: program.Program, now_ms: int) -> dict[str, Any]:
    """Return the names that are there before the first step; each finished step's ref joins them."""
    return {
        "request": _request_names(request),
        "flow": {"id": flow.flow_id, "name": flow.flow_name, "version": flow.version},
        "run": {"id": request.run_id},
        "env": {},
        "now": frozen_clock(now_ms),
    }


def _request_names(request: messages.RunRequest) -> dict[str, Any]:
    names: dict[str, Any] = {"run_id": request.run_id, "received_at": timestamp(request.received_at_ms)}
    http = request.request
    if http is not None:
        names |= {
            "method": http.method,
            "headers": http.headers,
            "query": msgspec.json.decode(http.query),
            "ip": http.ip,
            "body": http.body,
        }
    return names


def frozen_clock(now_ms: int) -> Callable[[], datetime]:
    """Return `now()`: the same instant for all attempts that go on from each other, in UTC."""
    instant = datetime.fromtimestamp(now_ms / 1000, UTC)
    return lambda: instant


def timestamp(at_ms: int) -> str:
    """Return RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def value_after(step: messages.Step) -> Any:
    """Return what a finished step's ref holds: its output, or after a failure `error` beside what it has to show."""
    output = msgspec.json.decode(step.output)
    if step.status != "error" or step.error is None:
        return output
    shown = output if isinstance(output, dict) else {}
    return shown | {"error": {"code": step.error.code, "message": step.error.message}}
