"""Reads flow documents.

flow = load(source, media="yaml")     # or InvalidFlow, with everything that is wrong with it
flow.to_json()                        # what is saved and travels
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

from libs.common import errors
from libs.common.flow import checks, json_source, model, templates, yaml_source
from libs.common.flow.flow_document import FlowDocument, StepDocument
from libs.common.flow.marks import Marks
from libs.common.flow.steps import registry
from libs.common.flow.steps_reader import StepsReader

__all__ = ["FlowDocument", "StepDocument", "load"]

LONGEST_SOURCE: Final = 1_048_576
DEEPEST: Final = yaml_source.DEEPEST


def load(
    source: str | bytes, *, media: Literal["json", "yaml"], steps: registry.Registry = registry.STEPS
) -> FlowDocument:
    """Return the document of a source; `InvalidFlow` with every fault, that of each template included.

    Faults in YAML bear the line and column of what they speak of; in JSON only those of its syntax do.
    """
    raw = source.encode(errors="surrogatepass") if isinstance(source, str) else source
    if len(raw) > LONGEST_SOURCE:
        raise errors.InvalidFlow((errors.Fault("", f"has more than {LONGEST_SOURCE} bytes"),))
    value, marks = (json_source.read(raw), Marks()) if media == "json" else yaml_source.read(raw)
    return _checked(value, marks, steps)


def _checked(value: Any, marks: Marks, registry: registry.Registry) -> FlowDocument:
    if not isinstance(value, dict):
        raise errors.InvalidFlow((errors.Fault("", "must be an object with `name` and `steps`"),))
    if _is_deep(value):
        raise errors.InvalidFlow((errors.Fault("", f"is nested deeper than {DEEPEST} levels"),))
    reader = StepsReader(registry)
    faults = reader.faults
    head = model.validate(FlowDocument, {key: item for key, item in value.items() if key != "steps"}, "", faults)
    if "steps" not in value:
        faults.append(errors.Fault("steps", "is missing"))
    steps = reader.read(value.get("steps", []), "steps")
    faults.extend(checks.faults_of(steps, registry))
    faults.extend(templates.faults_of(steps))
    if head is None or faults:
        raise errors.InvalidFlow(_in_order(map(marks.placed, faults)))
    return head.model_copy(update={"steps": steps})


def _in_order(faults: Iterable[errors.Fault]) -> tuple[errors.Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: (fault.line or 0, fault.column or 0)))


def _is_deep(value: Any) -> bool:
    """Return whether a value is nested too deep, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        if not level:
            return False
    return True
