"""What a sender puts in comes out exactly, and is in the record as it was, or is marked as cut."""

import io
import json
import sys
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Installation, Reply
from tests.acceptance.outside import Outside

pytestmark = [
    pytest.mark.processes,
    pytest.mark.rabbitmq,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="session"),
]

LIMIT = 1024 * 1024
CUT_AT = 64 * 1024


@pytest.fixture(autouse=True)
def _many_digits() -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(10_000)
    yield
    sys.set_int_max_str_digits(before)


async def send(installation: Installation, document: dict[str, Any], body: bytes) -> Reply:
    """Save a flow and send it these bytes as JSON."""
    flow = await installation.save(document)
    headers = {"Authorization": f"Bearer {flow.token}", "Content-Type": "application/json"}
    url = f"http://127.0.0.1:{installation.gateway_port}/v1/flow-webhook/{flow.id}"
    async with aiohttp.ClientSession() as session, session.post(url, data=io.BytesIO(body), headers=headers) as answer:
        return Reply(answer.status, answer.headers, json.loads(await answer.text()), 0)


async def test_long_integers_and_nul_characters_are_exact_in_answer_and_record(shared: Installation) -> None:
    number = int("9" * 4300)
    body = f'{{"big": {number}, "small": -{number // 10}, "nul": "a\\u0000b\\u2028\\ud83d\\ude00", "f": 0.1}}'
    document = flows.flow(
        flows.webhook(body="{{ copy | tojson }}"),
        {"ref": "copy", "type": "dict", "with": {"all": "{{ web1 }}", "next": "{{ web1.big - 1 }}"}},
    )

    reply = await send(shared, document, body.encode())

    expected = {"big": number, "small": -(number // 10), "nul": "a\0b\u2028\U0001f600", "f": 0.1}
    assert reply.status == 200
    assert reply.json == {"all": expected, "next": number - 1}
    run = await shared.ended(reply.run_id)
    assert run["input"] == expected
    assert run["steps"][1]["output"] == reply.json
    assert json.loads(run["response"]["body"]) == reply.json
    assert run["request"]["body"] == body


async def test_payload_near_the_limit_is_answered_whole_and_recorded_cut(shared: Installation) -> None:
    async with Outside() as outside:
        text = "\u00e9" * (LIMIT // 2 - 100)
        document = flows.flow(
            flows.webhook(body="{{ copy | tojson }}"),
            {"ref": "copy", "type": "dict", "with": {"text": "{{ web1.text }}"}},
            flows.http("ask", f"{outside.url}/big"),
        )
        body = json.dumps({"text": text}, ensure_ascii=False).encode()
        assert LIMIT - 300 < len(body) <= LIMIT

        reply = await send(shared, document, body)

        assert reply.status == 200
        assert reply.json == {"text": text}
        run = await shared.ended(reply.run_id)
    assert run["status"] == "success"
    copied = run["steps"][1]["output"]["text"]
    assert len(copied.encode()) < CUT_AT + 100
    assert f"{LIMIT - 200} bytes" in copied
    for shown in (run["input"]["text"], run["request"]["body"], run["response"]["body"]):
        assert "bytes" in shown[-40:]
        assert len(shown.encode()) < CUT_AT + 100


async def test_payload_over_the_limit_is_refused_and_not_recorded(shared: Installation) -> None:
    document = flows.flow(flows.webhook(), name="Too large")

    reply = await send(shared, document, b'{"text": "' + b"x" * LIMIT + b'"}')

    assert reply.status == 413
    assert reply.json["error"] == "payload_too_large"
    assert "Flowhook-Run-Id" not in reply.headers
