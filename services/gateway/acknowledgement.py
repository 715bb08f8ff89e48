"""The answer to the sender of an asynchronous flow: rendered here, from the webhook's input and the request alone."""

from typing import Final

from libs.common import errors, messages
from libs.common.flow import program as programs
from libs.common.flow import request_names
from libs.common.flow import response as flow_responses
from libs.common.templating import environment
from services.gateway.payload import Content

# Far less than a runner grants: rendering holds up every other request of this process.
LIMITS: Final = environment.Limits(steps=20_000, output_chars=100_000, time_s=0.1)


def render(webhook: programs.WebhookSettings, run: messages.RunRequest, content: Content) -> messages.Response:
    """Return the configured response; `FlowFailed` if it cannot be rendered."""
    names = {webhook.ref: content.values, "request": request_names.of(run)}
    try:
        return flow_responses.render_response(webhook.response, names, limits=LIMITS)
    except errors.StepError as error:
        raise errors.FlowFailed(f"The response of the step `{webhook.ref}` could not be rendered.") from error
