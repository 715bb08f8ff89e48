"""What is sent to the sender: an error's envelope, a rendered response, the word that a flow is paused."""

from collections.abc import Mapping
from typing import Final

import msgspec
from aiohttp import web

from libs.common import errors, messages

RUN_ID: Final = "Flowhook-Run-Id"
REPLAY: Final = "Flowhook-Idempotent-Replay"
JSON: Final = "application/json"

# `Server` is here so that the answer does not name the software and versions underneath.
_ALWAYS: Final = {"X-Content-Type-Options": "nosniff", "Server": "Flowhook"}
_JSON: Final = {**_ALWAYS, "Content-Type": JSON}
_PAUSED: Final = (
    b'{"status": 200, "error": "biz_logic", '
    b'"message": "Flow status is `paused`. Unpause to run this flow using a webhook", "data": null}'
)
NULL: Final = messages.Response(status=200, headers={"Content-Type": JSON}, body="null")
_encode = msgspec.json.Encoder().encode


def paused() -> web.Response:
    """Return the reply of a flow that takes no webhooks."""
    return web.Response(body=_PAUSED, headers=_JSON)


def failed(error: errors.RequestError, run_id: str | None = None) -> web.Response:
    """Return the envelope of an error, whose data is the run's id once there is one."""
    headers = {**_JSON, **error.headers}
    envelope = error.envelope()
    if run_id is not None:
        headers[RUN_ID] = run_id
        envelope["data"] = {"run_id": run_id}
    return web.Response(status=error.status, body=_encode(envelope), headers=headers)


def of_result(result: messages.Result) -> web.Response:
    """Return the answer that a run's end means.

    What went wrong in a step is for the debugger, not for strangers: they learn which step it was, and the run's id.
    """
    if result.response is not None:
        return rendered(result.response, result.run_id)
    if result.status == "success":
        return rendered(NULL, result.run_id)
    if result.status == "cancelled":
        return failed(errors.FlowFailed("The run was cancelled."), result.run_id)
    step = result.error.step if result.error is not None else None
    return failed(errors.FlowFailed(f"The step `{step}` failed." if step else "The flow failed."), result.run_id)


def rendered(response: messages.Response, run_id: str) -> web.Response:
    """Return a flow's own response."""
    headers = {"Content-Type": JSON, **response.headers, **_ALWAYS, RUN_ID: run_id}
    return web.Response(status=response.status, body=response.body.encode("utf-8", "replace"), headers=headers)


def empty(headers: Mapping[str, str]) -> web.Response:
    """Return an answer that is nothing but its headers."""
    return web.Response(status=204, headers={**_ALWAYS, **headers})


def kept(answer: web.Response) -> bytes:
    """Return an answer that has not been sent yet as it can be kept, to be sent to others once more."""
    assert isinstance(answer.body, bytes)
    return _encode(messages.Response(status=answer.status, headers=dict(answer.headers), body=answer.body.decode()))


def replayed(response: messages.Response, run_id: str) -> web.Response:
    """Return an answer that another request was given before, and say so."""
    return again(rendered(response, run_id))


def again(answer: web.Response) -> web.Response:
    """Mark an answer as one that another request was given before."""
    answer.headers[REPLAY] = "true"
    return answer
