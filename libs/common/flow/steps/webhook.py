"""`webhook`: the request that starts the flow, and its answer."""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from libs.common.flow import allow_list, answer_settings, cross_origin, model, signing
from libs.common.flow.idempotency import Idempotency
from libs.common.flow.steps.spec import StepSpec

# The tags are parts of the place that a fault names, so that of the settings is their key.
Auth = Annotated[
    Annotated[Literal["token", "none"], Tag("name")] | Annotated[signing.HmacAuth, Tag("hmac")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "hmac"),
    BeforeValidator(signing.unwrapped),
]


class WebhookWith(model.Strict):
    """Who may call, whether the sender waits for the flow, and what it is answered."""

    auth: Auth = "token"
    is_async: Annotated[bool, Field(alias="async")] = False
    response: answer_settings.ResponseSettings = answer_settings.ResponseSettings()
    allow_ips: allow_list.AllowIps | None = None
    idempotency: Idempotency = True
    cors: cross_origin.CorsSettings | None = None


SPEC: Final = StepSpec(
    "webhook",
    WebhookWith,
    may_continue=False,
    rendered_later=frozenset({"allow_ips", "auth", "cors", "idempotency", "response"}),
)
