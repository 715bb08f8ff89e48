"""The names that a flow's templates see."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from libs.common import messages, times
from libs.common.flow import program, request_names


def names_of(request: messages.RunRequest, flow: program.Program, now_ms: int) -> dict[str, Any]:
    """Return the names that are there before the first step; each finished step's ref joins them."""
    return {
        "request": request_names.of(request),
        "flow": {"id": flow.flow_id, "name": flow.flow_name, "version": flow.version},
        "run": {"id": request.run_id},
        "env": {},
        "now": frozen_clock(now_ms),
    }


def frozen_clock(now_ms: int) -> Callable[[], datetime]:
    """Return `now()`: the same instant for all attempts that go on from each other, in UTC."""
    instant = times.moment(now_ms)
    return lambda: instant


def value_after(step: messages.Step) -> Any:
    """Return what a finished step's ref holds: its output, or after a failure `error` beside what it has to show."""
    output = msgspec.json.decode(step.output)
    if step.status != "error" or step.error is None:
        return output
    shown = output if isinstance(output, dict) else {}
    return shown | {"error": {"code": step.error.code, "message": step.error.message}}
