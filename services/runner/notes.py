"""What is written down of one step while it is done: the record's and the journal's entry."""

from typing import Any

import msgspec

from libs.common import errors, messages
from libs.common.flow import program
from services.runner.steps import port

_encode = msgspec.json.Encoder().encode


def as_json(value: Any) -> msgspec.Raw:
    """Return a value as JSON; `StepError` if it is none (a lone surrogate, a key that is no text, too deep)."""
    try:
        return msgspec.Raw(_encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise errors.StepError("output", f"the value is no JSON: {error}") from error


class Note:
    """One step, from its start to what became of it."""

    __slots__ = ("_started_at_ms", "_step", "inputs")

    def __init__(self, step: program.CompiledStep, started_at_ms: int) -> None:
        self._step = step
        self._started_at_ms = started_at_ms
        self.inputs: Any = {}

    def done(self, at_ms: int, output: port.Output) -> messages.Step:
        """Return the entry of a step that went well; `StepError` if its output is no JSON."""
        raw = output.raw if output.raw is not None else as_json(output.value)
        return self._entry("success", at_ms, raw, None)

    def waiting(self, until_ms: int) -> messages.Step:
        """Return the entry of a step that parks the run."""
        return self._entry("waiting", None, as_json({"until_ms": until_ms}), None)

    def failed(self, at_ms: int, error: errors.StepError) -> messages.Step:
        """Return the entry of a step that failed, with what it has to show all the same."""
        shown = messages.NULL if error.output is None else as_json(error.output)
        return self._entry("error", at_ms, shown, messages.RunError(code=error.code, message=error.message))

    def _entry(
        self, status: messages.StepStatus, at_ms: int | None, output: msgspec.Raw, error: messages.RunError | None
    ) -> messages.Step:
        step = self._step
        return messages.Step(
            path=step.path,
            ref=step.ref,
            type=step.type,
            status=status,
            title=step.title,
            started_at_ms=self._started_at_ms,
            duration_ms=None if at_ms is None else max(0, at_ms - self._started_at_ms),
            input=as_json(self.inputs) if self.inputs else messages.NULL,
            output=output,
            error=error,
        )
