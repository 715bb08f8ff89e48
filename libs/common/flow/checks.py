"""What is wrong with a flow as a whole: refs, where a webhook may stand, what a failing step may lead to."""

from collections.abc import Iterator

from libs.common import errors
from libs.common.flow.flow_document import StepDocument
from libs.common.flow.steps.registry import Registry
from libs.common.templating import places

Refs = dict[str, str]  # to the path of the step that bears it


def faults_of(steps: tuple[StepDocument, ...], registry: Registry) -> Iterator[errors.Fault]:
    """Yield the faults of these steps of a flow."""
    yield from _refs(steps, {})
    yield from _webhooks(steps)
    for step in steps:
        for one in step.and_below():
            yield from _on_error(one, registry)


def _refs(steps: tuple[StepDocument, ...], taken: Refs) -> Iterator[errors.Fault]:
    """Check the refs of a list; those in `taken` stand before it, and its own are added. Branches may share theirs."""
    for step in steps:
        place = places.key(step.path, "ref")
        ref = step.head.ref
        if ref in taken:
            yield errors.Fault(place, f"`{ref}` is the ref of {taken[ref]} already")
        elif ref:  # one that could not be read has its fault already
            taken[ref] = step.path
        before = dict(taken)
        for branch in step.branches.values():
            within = dict(before)
            yield from _refs(branch, within)
            taken.update({**within, **taken})


def _webhooks(steps: tuple[StepDocument, ...]) -> Iterator[errors.Fault]:
    seen = False
    for number, step in enumerate(steps):
        for one in step.and_below():
            if one.head.type != "webhook":
                continue
            place = places.key(one.path, "type")
            if seen:
                yield errors.Fault(place, "a flow has at most one webhook step")
            elif number != 0 or one is not step:
                yield errors.Fault(place, "a webhook step is always the first step of its flow")
            seen = True


def _on_error(step: StepDocument, registry: Registry) -> Iterator[errors.Fault]:
    spec = registry.get(step.head.type)
    place = places.key(step.path, "on_error")
    if step.head.on_error in ("skip", "break"):
        yield errors.Fault(place, f"`{step.head.on_error}` needs a loop around the step")
    elif step.head.on_error == "continue" and spec is not None and not spec.may_continue:
        yield errors.Fault(place, f"a step of type `{step.head.type}` cannot be continued after")
