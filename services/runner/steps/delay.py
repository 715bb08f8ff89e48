"""`delay`: wait. A long wait parks the run; a short one is slept through in the runner."""

import math
from typing import Any

import msgspec

from libs.common import errors, messages
from libs.common.flow.steps.delay import LONGEST_S, SPEC
from services.runner.steps import port


class Delay(port.Leaf):
    """Waits for `seconds`. Waits of more than `park_after_s` need no runner."""

    spec = SPEC

    def __init__(self, park_after_s: float) -> None:
        self._park_after_s = park_after_s

    async def run(self, call: port.Call) -> port.Verdict:
        """Return `{}` once the time has come, never before it; a wait begun by an earlier attempt goes on."""
        now_ms = call.clock.now_ms()
        until_ms = _until_ms(call.begun)
        if until_ms is None:
            until_ms = now_ms + round(_seconds(call.inputs.get("seconds")) * 1000)
        left_s = (until_ms - now_ms) / 1000
        if left_s > self._park_after_s:
            return port.Wait(until_ms)
        if left_s > 0:
            await call.clock.sleep(left_s)
        return port.Output({})


def _until_ms(begun: messages.Step | None) -> int | None:
    return None if begun is None else int(msgspec.json.decode(begun.output)["until_ms"])


def _seconds(value: Any) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_S:
        raise errors.StepError("delay", f"seconds must be a number from 0 to {LONGEST_S}")
    return seconds
