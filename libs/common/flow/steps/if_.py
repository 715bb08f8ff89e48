"""`if`: one comparison and two branches."""

from typing import Annotated, Any, Final, Literal

from pydantic import model_validator

from libs.common.flow import model
from libs.common.flow.steps.spec import StepSpec

Operation = Literal[
    "equal",
    "not_equal",
    "greater",
    "smaller",
    "greater_equal",
    "smaller_equal",
    "string_is",
    "string_begins",
    "string_ends",
    "string_includes",
    "exists",
]


class IfWith(model.Strict):
    """What is compared, and how. `exists` needs no `b`."""

    a: Any
    op: Annotated[Operation, model.OrTemplate]
    b: Any = None

    @model_validator(mode="after")
    def _compares_with_something(self) -> "IfWith":
        if self.op != "exists" and "b" not in self.model_fields_set:
            raise ValueError(f"`b` is missing: what `a` is compared with by `{self.op}`")
        return self


SPEC: Final = StepSpec("if", IfWith, branches=("then", "else"), may_continue=False)
