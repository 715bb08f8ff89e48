"""`http`: one call. A failed call is not repeated by itself yet, neither when the answer says so nor after a second."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from libs.common import errors
from libs.common.flow.steps.http import SPEC
from services.runner.steps import http_client, port


class Client(Protocol):
    """What the step needs of an HTTP client."""

    async def send(self, request: http_client.Request) -> http_client.Response:
        """Make the call; `StepError` if there is no answer."""


class Http(port.Leaf):
    """Calls an address and gives `{status, headers, body, url, duration_ms}`.

    Every status but 2xx is a `StepError` that carries all of it.
    """

    spec = SPEC

    def __init__(self, client: Client, max_timeout_s: float) -> None:
        self._client = client
        self._max_timeout_s = max_timeout_s

    async def run(self, call: port.Call) -> port.Verdict:
        """Make the call."""
        request = self._request(call.inputs)
        begun = call.clock.monotonic()
        answer = await self._client.send(request)
        output = {
            "status": answer.status,
            "headers": answer.headers,
            "body": _body(answer),
            "url": answer.url,
            "duration_ms": round((call.clock.monotonic() - begun) * 1000),
        }
        if not 200 <= answer.status < 300:
            raise errors.StepError("http_status", f"{request.method} {answer.url}: {answer.status}", output=output)
        return port.Output(output)

    def _request(self, inputs: Mapping[str, Any]) -> http_client.Request:
        has_body = "json" in inputs
        return http_client.Request(
            method=str(inputs["method"]).upper(),
            url=str(inputs["url"]).strip(),
            headers={"Content-Type": "application/json"} if has_body else {},
            body=msgspec.json.encode(inputs["json"]) if has_body else None,
            timeout_s=self._timeout(inputs["timeout"]),
        )

    def _timeout(self, value: Any) -> float:
        try:
            seconds = 0.0 if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            seconds = 0.0
        if not seconds > 0:
            raise errors.StepError("http_request", "timeout must be a number of seconds above 0")
        return min(seconds, self._max_timeout_s)


def _body(answer: http_client.Response) -> Any:
    """Return a JSON body parsed, exactly; anything else, and what only claims to be JSON, as text."""
    if answer.body and _is_json(answer.headers.get("content-type", "")):
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.MsgspecError, RecursionError):
            pass
    try:
        return answer.body.decode(answer.charset or "utf-8", errors="replace")
    except LookupError:  # a charset that nobody knows
        return answer.body.decode("utf-8", errors="replace")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")
