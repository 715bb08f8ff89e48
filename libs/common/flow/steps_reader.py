"""Steps, read with all their faults: what is wrong in one does not hide what is wrong in the next."""

from collections.abc import Mapping
from typing import Any, Final

from libs.common import errors
from libs.common.flow import model
from libs.common.flow.flow_document import StepDocument, StepHead
from libs.common.flow.steps.registry import Registry
from libs.common.flow.steps.spec import StepSpec
from libs.common.templating import places

MOST_STEPS: Final = 1000
_ANY_BRANCH: Final = ("then", "else", "steps", "cases", "default")


class StepsReader:
    """Reads lists of steps; the faults are in `faults`."""

    def __init__(self, registry: Registry) -> None:
        self.faults: list[errors.Fault] = []
        self._registry = registry
        self._count = 0

    def read(self, raw: Any, path: str) -> tuple[StepDocument, ...]:
        """Return the steps of a list that could be read."""
        if not isinstance(raw, list):
            self._fault(path, "must be a list of steps")
            return ()
        steps = (self._step(item, places.index(path, number)) for number, item in enumerate(raw))
        return tuple(step for step in steps if step is not None)

    def _step(self, raw: Any, path: str) -> StepDocument | None:
        self._count += 1
        if self._count > MOST_STEPS:
            if self._count == MOST_STEPS + 1:
                self._fault(path, f"a flow has at most {MOST_STEPS} steps")
            return None
        if not isinstance(raw, dict):
            self._fault(path, "must be a step: an object with `ref` and `type`")
            return None
        spec = self._spec(raw, path)
        beside = spec.branches if spec is not None else _ANY_BRANCH
        head = model.validate(
            StepHead, {key: item for key, item in raw.items() if key not in beside}, path, self.faults
        )
        given = raw.get("with", {})
        if spec is not None and isinstance(given, dict):
            model.validate(spec.with_model, given, places.key(path, "with"), self.faults)
        branches = self._branches(raw, spec, path)
        return StepDocument(path, head or _salvaged(raw), given if isinstance(given, dict) else {}, branches)

    def _spec(self, raw: Mapping[str, Any], path: str) -> StepSpec | None:
        type_ = raw.get("type")
        if not isinstance(type_, str):
            return None  # the head's own fault
        spec = self._registry.get(type_)
        if spec is None:
            known = ", ".join(self._registry.names())
            self._fault(places.key(path, "type"), f"there is no step type `{type_[:60]}`; there are {known}")
        return spec

    def _branches(
        self, raw: Mapping[str, Any], spec: StepSpec | None, path: str
    ) -> dict[str, tuple[StepDocument, ...]]:
        names = spec.branches if spec is not None else ("then", "else", "steps", "default")
        return {name: self.read(raw[name], places.key(path, name)) for name in names if name in raw}

    def _fault(self, path: str, message: str) -> None:
        self.faults.append(errors.Fault(path, message))


def _salvaged(raw: Mapping[str, Any]) -> StepHead:
    """Return what can be told of a faulty step, so that its faults do not hide those of the flow."""
    ref, type_, on_error = (raw.get(name) for name in ("ref", "type", "on_error"))
    return StepHead.model_construct(
        with_={},
        ref=ref if isinstance(ref, str) else "",
        type=type_ if isinstance(type_, str) else "",
        on_error=on_error if on_error in ("continue", "skip", "break") else "terminate",
    )
