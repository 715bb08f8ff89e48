"""All kinds of steps by name. More can be registered before the first document is read."""

from libs.common.flow.steps import delay, dict_, http, if_, terminate, webhook
from libs.common.flow.steps.spec import StepSpec


class Registry:
    """Kinds of steps by name, which is their `type` in a document."""

    def __init__(self, *specs: StepSpec) -> None:
        self._specs = {spec.name: spec for spec in specs}

    def add(self, spec: StepSpec) -> None:
        """Make a kind known; ValueError where its name is taken."""
        if spec.name in self._specs:
            raise ValueError(f"the step type {spec.name!r} is taken")
        self._specs[spec.name] = spec

    def get(self, type_: str) -> StepSpec | None:
        """Return the kind of this name, or None."""
        return self._specs.get(type_)

    def names(self) -> tuple[str, ...]:
        """Return the names of all kinds, sorted."""
        return tuple(sorted(self._specs))


STEPS = Registry(webhook.SPEC, dict_.SPEC, if_.SPEC, http.SPEC, delay.SPEC, terminate.SPEC)
