"""The templates in a flow's steps: a text that should be one and is none is a fault of the document."""

from collections.abc import Iterator
from typing import Any, Final

from libs.common import errors
from libs.common.flow import idempotency
from libs.common.flow.flow_document import StepDocument
from libs.common.templating import environment, places

MOST_CHARS: Final = 262_144  # of all templates in a flow: a hostile one compiles 100,000 characters a second


def faults_of(steps: tuple[StepDocument, ...]) -> Iterator[errors.Fault]:
    """Yield a fault for each text in these steps of a flow that is no template, with its line within the text."""
    every = [step for top in steps for step in top.and_below()]
    refs = frozenset(step.head.ref for step in every)
    chars = 0
    for step in every:
        texts = _texts(step)
        chars += environment.template_chars(texts)
        if chars > MOST_CHARS:
            yield errors.Fault(step.path, f"a flow's templates have at most {MOST_CHARS} characters, all together")
            return
        try:
            environment.compile_value(texts, refs=refs, path=places.key(step.path, "with"))
        except errors.InvalidFlow as invalid:
            yield from invalid.faults
        else:
            yield from _idempotency(step, refs)


def _idempotency(step: StepDocument, refs: frozenset[str]) -> Iterator[errors.Fault]:
    """Yield a fault if the key of a webhook's requests asks for what is known only to a run."""
    setting = step.with_.get("idempotency") if step.head.type == "webhook" else None
    if not isinstance(setting, dict):
        return
    unknown = environment.compile_value(setting).names & (refs | idempotency.UNKNOWN) - {step.head.ref}
    for name in sorted(unknown):
        place = places.key(places.key(step.path, "with"), "idempotency")
        yield errors.Fault(
            places.key(place, "key"), f"knows `{step.head.ref}` and `request`; `{name}` is known only to a run"
        )


def _texts(step: StepDocument) -> dict[str, Any]:
    """Return what may hold templates. Who may call does not: a secret is not looked into, nor quoted in a fault."""
    if step.head.type != "webhook":
        return step.with_
    return {key: value for key, value in step.with_.items() if key not in ("auth", "allow_ips", "cors")}
