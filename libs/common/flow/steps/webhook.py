"""`webhook`: the request that starts the flow, and its answer."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from libs.common.flow import answer_settings, model
from libs.common.flow.steps.spec import StepSpec


def _auth(value: Any) -> Any:
    if isinstance(value, dict) and "hmac" in value:
        raise ValueError("hmac is not supported yet; it must be token or none")
    return value


class WebhookWith(model.Strict):
    """Who may call, whether the sender waits for the flow, and what it is answered."""

    auth: Annotated[Literal["token", "none"], BeforeValidator(_auth)] = "token"
    is_async: Annotated[bool, Field(alias="async")] = False
    response: answer_settings.ResponseSettings = answer_settings.ResponseSettings()


SPEC: Final = StepSpec("webhook", WebhookWith, may_continue=False, rendered_later=frozenset({"response"}))
