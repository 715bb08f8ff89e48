"""The flow document as values: what was written, checked for its shape."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import AfterValidator, Field

from libs.common.flow import model, names
from libs.common.flow import settings as flow_settings

OnError = Literal["terminate", "continue", "skip", "break"]
LONGEST_NAME: Final = 200


def _name(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("must hold something that can be read, on one line")
    return value


def _ref(value: str) -> str:
    why = names.fault_of(value)
    if why is not None:
        raise ValueError(why)
    return value


class StepHead(model.Strict):
    """What all kinds of steps have."""

    ref: Annotated[str, AfterValidator(_ref)]
    type: str
    title: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    with_: dict[str, Any] = Field(alias="with", default_factory=dict)
    on_error: OnError = "terminate"
    report: bool = True


@dataclass(frozen=True, slots=True)
class StepDocument:
    """One step. `path` is its place in the document, `with_` what it was given, `branches` the steps beside that."""

    path: str
    head: StepHead
    with_: dict[str, Any]
    branches: dict[str, tuple["StepDocument", ...]]

    def to_plain(self) -> dict[str, Any]:
        """Return the step as a document has it, without what goes without saying."""
        head = self.head
        plain: dict[str, Any] = {"ref": head.ref, "type": head.type}
        plain |= {"title": head.title} if head.title else {}
        plain |= {"with": self.with_} if self.with_ else {}
        plain |= {"on_error": head.on_error} if head.on_error != "terminate" else {}
        plain |= {"report": False} if not head.report else {}
        return plain | {name: [step.to_plain() for step in steps] for name, steps in self.branches.items()}

    def and_below(self) -> Iterator["StepDocument"]:
        """Yield this step and all steps in its branches, in the order of the document."""
        yield self
        for steps in self.branches.values():
            for step in steps:
                yield from step.and_below()


class FlowDocument(model.Strict):
    """A whole flow. Its settings are complete: what was not written has its default."""

    id: flow_settings.Identifier | None = None
    name: Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_name)]
    status: flow_settings.Status = "draft"
    settings: flow_settings.FlowSettings = flow_settings.FlowSettings()
    steps: tuple[StepDocument, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return the document as plain values."""
        return {
            **({"id": self.id} if self.id is not None else {}),
            "name": self.name,
            "status": self.status,
            "settings": self.settings.model_dump(),
            "steps": [step.to_plain() for step in self.steps],
        }

    def to_json(self) -> bytes:
        """Return the document as JSON, which reads back to an equal one."""
        return msgspec.json.encode(self.to_plain())

    def all_steps(self) -> Iterator[StepDocument]:
        """Yield all steps, those in branches right behind their own step."""
        for step in self.steps:
            yield from step.and_below()
