"""A flow, compiled: what gateways and runners work with.

A version never changes, so its program is kept by flow and version; the document is read only where it is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from libs.common import errors, networks
from libs.common.flow import allow_list, cross_origin, idempotency, response, settings, signing, templates
from libs.common.flow import document as documents
from libs.common.flow.flow_document import FlowDocument, StepDocument
from libs.common.flow.steps import registry
from libs.common.flow.steps.webhook import WebhookWith
from libs.common.templating import environment

PROGRAMS_KEPT: Final = 512

Auth = Literal["token", "none"] | signing.Scheme


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """One step. `inputs` is what its `with` renders to; keys that are rendered at another time are not in it."""

    path: str
    ref: str
    type: str
    title: str
    on_error: Literal["terminate", "continue", "skip", "break"]
    report: bool
    inputs: environment.Templated
    branches: Mapping[str, tuple["CompiledStep", ...]]


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Who may call (never a secret), whether the sender waits for the flow, what it is answered, what its key is."""

    ref: str
    auth: Auth
    is_async: bool
    response: response.ResponseTemplate
    allow_ips: tuple[networks.Network, ...] | None = None
    key_source: idempotency.KeySource | None = None
    cors: cross_origin.Cors | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A version of a flow. `pure`: no step acts outside or waits, so the run can be repeated as a whole."""

    flow_id: str
    flow_name: str
    version: int
    webhook: WebhookSettings | None
    settings: settings.FlowSettings
    steps: tuple[CompiledStep, ...]
    pure: bool


def compile_flow(
    document: FlowDocument,
    *,
    flow_id: str,
    version: int,
    flow_name: str | None = None,
    steps: registry.Registry = registry.STEPS,
) -> Program:
    """Return the program of a document; `InvalidFlow` with a fault for each text that is no template."""
    faults = list(templates.faults_of(document.steps))
    if faults:
        raise errors.InvalidFlow(tuple(faults))
    specs = [steps.get(step.head.type) for step in document.all_steps()]
    return Program(
        flow_id=flow_id,
        flow_name=document.name if flow_name is None else flow_name,
        version=version,
        webhook=_webhook(document),
        settings=document.settings,
        steps=tuple(_compiled(step, steps) for step in document.steps),
        pure=all(spec is not None and spec.effect == "none" for spec in specs),
    )


@lru_cache(maxsize=PROGRAMS_KEPT)
def _kept(flow_id: str, version: int, flow_name: str, document: "_Unseen") -> Program:
    loaded = documents.load(document.source, media="json")
    return compile_flow(loaded, flow_id=flow_id, version=version, flow_name=flow_name)


class _Unseen:
    """Bytes that a cache does not look at: flow and version say what they are."""

    __slots__ = ("source",)

    def __init__(self, source: bytes) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unseen)

    def __hash__(self) -> int:
        return 0


def program_of(document: bytes, *, flow_id: str, flow_name: str, version: int) -> Program:
    """Return the program of a saved version, from memory where it has been seen; `InvalidFlow` where it cannot be."""
    return _kept(flow_id, version, flow_name, _Unseen(document))


def _compiled(step: StepDocument, steps: registry.Registry) -> CompiledStep:
    return CompiledStep(
        path=step.path,
        ref=step.head.ref,
        type=step.head.type,
        title=step.head.title,
        on_error=step.head.on_error,
        report=step.head.report,
        inputs=environment.compile_value(_inputs(step, steps)),
        branches={name: tuple(_compiled(one, steps) for one in below) for name, below in step.branches.items()},
    )


def _inputs(step: StepDocument, steps: registry.Registry) -> dict[str, Any]:
    """Return what was written, with the defaults of what was not, without what is rendered at another time."""
    spec = steps.get(step.head.type)
    if spec is None:
        return step.with_
    defaults = {
        field.alias or name: field.default
        for name, field in spec.with_model.model_fields.items()
        if isinstance(field.default, (str, int, float, bool))
    }
    inputs = {**defaults, **step.with_}
    return {key: value for key, value in inputs.items() if key not in spec.rendered_later}


def _webhook(document: FlowDocument) -> WebhookSettings | None:
    first = document.steps[0] if document.steps else None
    if first is None or first.head.type != "webhook":
        return None
    given = WebhookWith.model_validate(first.with_)
    template = response.ResponseTemplate.of(given.response)
    auth = given.auth.scheme() if isinstance(given.auth, signing.HmacAuth) else given.auth
    delivery = auth.delivery_header if isinstance(auth, signing.Scheme) else None
    return WebhookSettings(
        ref=first.head.ref,
        auth=auth,
        is_async=given.is_async,
        response=template,
        allow_ips=allow_list.networks(given.allow_ips),
        key_source=idempotency.key_source(given.idempotency, delivery),
        cors=cross_origin.settings(given.cors),
    )
