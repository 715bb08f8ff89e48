"""The answer to the sender of an asynchronous flow: rendered here, from the webhook's input and the request alone."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from libs.common import errors, messages
from libs.common.flow import program as programs
from libs.common.flow import response as flow_responses
from libs.common.templating import environment
from services.gateway import responses

# Far less than a runner grants: rendering holds up every other request of this process.
LIMITS: Final = environment.Limits(steps=20_000, output_chars=100_000, time_s=0.1)


def answer(webhook: programs.WebhookSettings, run: messages.RunRequest, names: Mapping[str, Any]) -> web.Response:
    """Return the configured response; the error `flow_error` if it cannot be rendered from these names."""
    try:
        response = flow_responses.render_response(webhook.response, names, limits=LIMITS)
    except errors.StepError:
        failure = errors.FlowFailed(f"The response of the step `{webhook.ref}` could not be rendered.")
        return responses.failed(failure, run.run_id)
    return responses.rendered(response, run.run_id)
