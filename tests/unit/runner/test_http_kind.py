"""What the `http` step makes of its inputs and of an answer; the client is a stand-in."""

from typing import Any

import pytest

from libs.common import errors
from services.runner.steps import http, http_client, port
from tests.unit.runner import fakes, flows, requests


class FakeClient:
    def __init__(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.answer = http_client.Response(
            status, {name.replace("_", "-"): value for name, value in headers.items()}, body, None, "http://final"
        )
        self.sent: list[http_client.Request] = []

    async def send(self, request: http_client.Request) -> http_client.Response:
        self.sent.append(request)
        return self.answer


async def call(client: FakeClient, **inputs: Any) -> Any:
    step = flows.compiled('{ref: a, type: http, with: {url: "http://a"}}').steps[0]
    given = {**step.inputs.render({}), **inputs}
    kind = http.Http(client, max_timeout_s=60)
    verdict = await kind.run(port.Call(step, given, requests.request(), fakes.FakeClock()))
    assert isinstance(verdict, port.Output)
    return verdict.value


async def test_a_plain_call_is_a_get_without_a_body() -> None:
    client = FakeClient()

    await call(client)

    assert client.sent == [http_client.Request("GET", "http://a", {}, None, 30)]


async def test_json_is_sent_as_json() -> None:
    client = FakeClient()

    await call(client, method="post", json={"a": [1, "ü", None]})

    (request,) = client.sent
    assert (request.method, request.headers) == ("POST", {"Content-Type": "application/json"})
    assert request.body == '{"a":[1,"ü",null]}'.encode()


@pytest.mark.parametrize(("given", "expected"), [(5, 5), ("2.5", 2.5), (300, 60)])
async def test_a_time_out_is_kept_within_its_limit(given: Any, expected: float) -> None:
    client = FakeClient()

    await call(client, timeout=given)

    assert client.sent[0].timeout_s == expected


@pytest.mark.parametrize("given", [0, -1, "soon", None, True])
async def test_a_time_out_that_is_none_is_an_error(given: Any) -> None:
    with pytest.raises(errors.StepError, match="timeout must be a number"):
        await call(FakeClient(), timeout=given)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/json", b'{"n":123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
        ("application/problem+json; charset=utf-8", b'{"a":1}', {"a": 1}),
        ("application/json", b"{broken", "{broken"),
        ("application/json", b"", ""),
        ("application/json", b'{"a":1e400}', '{"a":1e400}'),
        ("application/json", b"[" * 100_000, "[" * 100_000),
        ("text/plain", b'{"a":1}', '{"a":1}'),
        ("text/plain", b"caf\xe9", "caf\ufffd"),
        ("", b"plain", "plain"),
    ],
)
async def test_a_body_is_read_by_its_type(kind: str, body: bytes, expected: Any) -> None:
    output = await call(FakeClient(body, content_type=kind))

    assert output["body"] == expected


@pytest.mark.parametrize(("charset", "expected"), [("latin-1", "café"), ("of-nobody", "caf\ufffd")])
async def test_text_is_read_in_its_charset(charset: str, expected: str) -> None:
    client = FakeClient()
    client.answer = http_client.Response(200, {}, b"caf\xe9", charset, "http://final")

    output = await call(client)

    assert output["body"] == expected


async def test_the_output_is_all_of_the_answer() -> None:
    output = await call(FakeClient(b"x", 201, x_a="b"))

    assert output == {"status": 201, "headers": {"x-a": "b"}, "body": "x", "url": "http://final", "duration_ms": 0}


@pytest.mark.parametrize("status", [199, 300, 404, 500])
async def test_a_status_that_is_no_success_is_an_error_that_carries_the_answer(status: int) -> None:
    with pytest.raises(errors.StepError) as caught:
        await call(FakeClient(b"why", status))

    assert caught.value.code == "http_status"
    assert caught.value.output["status"] == status
    assert caught.value.output["body"] == "why"
