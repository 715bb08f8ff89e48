"""What a kind of step is. A kind is a small object that knows its type's name and what a step of it does.

A kind never publishes and never waits for the broker: it is handed its rendered inputs and gives back a value. What it
gives back is turned into JSON and read again before others see it, so that a run that goes on after a crash sees
exactly what the first attempt saw.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from libs.common import clock, messages
from libs.common.flow import program
from libs.common.flow.steps.spec import StepSpec


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a step."""

    step: program.CompiledStep
    inputs: dict[str, Any]
    request: messages.RunRequest
    clock: clock.Clock
    begun: messages.Step | None = None  # this step's own entry in the journal, if it has parked the run before


@dataclass(frozen=True, slots=True)
class Output:
    """The step is done; `raw` is its output as JSON, where that is at hand, else `value` becomes it."""

    value: Any = None
    raw: msgspec.Raw | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The run is to be parked until then; the step is called again afterwards."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class End:
    """The run ends here, by the flow's own will."""

    status: messages.EndStatus
    message: str
    response: Any = None  # rendered: {status, headers, body}


Verdict = Output | Wait | End


class Kind(Protocol):
    """A kind of step, one object for all its steps.

    The spec says what a step does beyond computing. `none`: it is computed again after a crash, to the same values.
    `outside`: it is journaled at once, and not begun before the last one is confirmed. `wait`: its time does not count
    as running.
    """

    @property
    def spec(self) -> StepSpec:
        """Its type, and what is known of it without doing it."""

    async def run(self, call: Call) -> Verdict:
        """Do the step. `StepError` is a failure that `on_error` speaks of."""

    def branch(self, output: Any) -> str | None:
        """Return the branch that an output leads into; None where the flow goes on behind the step."""


class Leaf:
    """A kind without branches."""

    def branch(self, output: Any) -> str | None:
        """Return None: the flow goes on behind the step."""
        return None
