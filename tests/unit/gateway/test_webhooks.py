"""The checks of the endpoint, in their order, over real HTTP."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.gateway import samples
from tests.unit.gateway.world import Reply, World

FLOW = samples.flow()
PATH = f"/v1/flow-webhook/{FLOW.id}"
AUTHORIZED = {"Authorization": f"Bearer {samples.token()}"}


def is_error(reply: Reply, status: int, code: str) -> bool:
    """Tell whether it is this error, in an envelope that is complete and says what to do."""
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "Flowhook-Run-Id" not in reply.headers
    assert reply.json.keys() == {"status", "error", "message", "data"}
    assert reply.json["message"].endswith(".")
    return (reply.status, reply.json["status"], reply.json["error"]) == (status, status, code)


@pytest.mark.parametrize("target", ["/", PATH + "/", PATH + "/x", PATH + ".json", PATH.upper(), PATH + "%2F"])
async def test_another_path_is_not_found_whatever_the_method(world: World, target: str) -> None:
    world.save(FLOW)

    assert is_error(await world.send("OPTIONS", target), 404, "not_found")
    assert is_error(await world.send("POST", target, headers=AUTHORIZED), 404, "not_found")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
async def test_another_method_is_told_which_there_are(world: World, method: str) -> None:
    reply = await world.send(method, f"/v1/flow-webhook/{uuid4()}")

    assert is_error(reply, 405, "method_not_allowed")
    assert reply.headers["Allow"] == "GET, POST, PUT, PATCH, DELETE"


async def test_head_is_another_method_without_a_body(world: World) -> None:
    reply = await world.send("HEAD", PATH)

    assert (reply.status, reply.body) == (405, b"")
    assert reply.headers["Allow"] == "GET, POST, PUT, PATCH, DELETE"


async def test_a_flow_without_a_webhook_is_as_unknown_as_one_that_is_not_there(world: World) -> None:
    step = {"ref": "a", "type": "dict", "with": {"b": 1}}
    silent = world.save(samples.flow(saved=json.dumps({"name": "x", "steps": [step]}).encode()))
    world.flows.put([samples.FLOW_ID], [])

    replies = [await world.call(flow, headers={"Authorization": "x"}) for flow in (silent, FLOW)]

    assert all(is_error(reply, 404, "not_found") for reply in replies)
    assert replies[0].body == replies[1].body


async def test_an_unknown_flow_is_unavailable_while_nobody_can_tell(world: World) -> None:
    world.flows.disconnected()

    reply = await world.call(FLOW)

    assert is_error(reply, 503, "unavailable")
    assert reply.headers["Retry-After"] == "2"


async def test_a_flow_that_cannot_be_compiled_is_an_error_of_the_flow(world: World) -> None:
    broken = world.save(samples.flow(saved=b'{"steps": 1}'))

    assert is_error(await world.call(broken), 500, "flow_error")


async def test_authorization_comes_before_pause_and_body(world: World) -> None:
    paused = world.save(samples.flow(status="paused"))

    reply = await world.call(paused, data=b"x" * 2_000_000, headers={"Authorization": "Bearer nonsense"})

    assert is_error(reply, 401, "unauthorized")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("body", [b"", b"{}", b"no json", b"x" * 2_000_000])
async def test_a_paused_flow_says_so_and_runs_nothing(world: World, body: bytes) -> None:
    paused = world.save(samples.flow(status="paused"))

    reply = await world.call(paused, data=body)

    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert "Flowhook-Run-Id" not in reply.headers
    assert reply.body == (
        b'{"status": 200, "error": "biz_logic", "message": "Flow status is `paused`. '
        b'Unpause to run this flow using a webhook", "data": null}'
    )
    assert world.runs.empty()


@pytest.mark.parametrize("status", ["draft", "active"])
async def test_drafts_and_active_flows_run(world: World, status: str) -> None:
    flow = world.save(samples.flow(status=status))

    assert (await world.call(flow)).status == 200


async def test_a_flow_may_ask_for_no_authorization(world: World) -> None:
    flow = world.save(samples.flow(saved=samples.document(auth="none")))

    assert (await world.send("POST", f"/v1/flow-webhook/{flow.id}")).status == 200


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b"{", 400, "invalid_payload"),
        ({}, b"[" * 65 + b"]" * 65, 400, "invalid_payload"),
        ({"Content-Type": "application/json; charset=x"}, b"{}", 400, "invalid_payload"),
        ({"Content-Type": "application/xml"}, b"{}", 400, "invalid_payload"),
        ({"Content-Type": "multipart/form-data"}, b"a=1", 400, "invalid_payload"),
        ({"Content-Encoding": "gzip"}, b"{}", 400, "invalid_payload"),
        ({"Content-Encoding": "br"}, b"{}", 415, "unsupported_media_type"),
        ({}, b" " * 1_048_577, 413, "payload_too_large"),
        ({"Content-Encoding": "br"}, b" " * 1_048_577, 413, "payload_too_large"),
    ],
)
async def test_a_body_that_cannot_be_taken_runs_nothing(
    world: World, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    flow = world.save(FLOW)

    reply = await world.call(flow, data=body, headers=headers)

    assert is_error(reply, status, code)
    assert world.runs.empty()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_five_methods_start_a_run_with_query_and_body(world: World, method: str) -> None:
    flow = world.save(FLOW)

    reply = await world.call(flow, method, query="?a=1&b=2&b=", data=b'{"a": "body", "n": 12345678901234567890123}')

    assert reply.status == 200
    assert reply.json == {"a": "body", "b": ["2", ""], "n": 12345678901234567890123}


async def test_a_body_of_exactly_the_limit_is_taken(world: World) -> None:
    flow = world.save(FLOW)

    reply = await world.call(flow, data=b'{"a":"' + b"x" * (1_048_576 - 8) + b'"}')

    assert reply.status == 200


async def test_what_a_runner_gets_is_all_but_the_secrets(world: World) -> None:
    flow = world.save(FLOW)
    sent: Any = [
        ("Cookie", "a=b"),
        ("X-Api-Key", "k"),
        ("X-Gitlab-Token", "t"),
        ("X-Hub-Signature-256", "sha256=1"),
        ("X-Many", "1"),
        ("X-Many", "2"),
        ("X-Name", "käse"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        *AUTHORIZED.items(),
    ]

    reply = await world.send("POST", PATH + "?q=1", headers=sent, data=b'{"a": 1}')
    run = await world.runs.get()

    assert run.run_id == reply.run_id
    assert (run.flow_id, run.flow_version, run.flow_name, run.mode) == (flow.id, 1, "Lookup", "sync")
    assert (run.lane, run.trigger.kind, run.must_claim) == (flow.lane, "webhook", False)
    assert bytes(run.document) == flow.document
    assert run.traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    http = run.request
    assert http is not None
    assert (http.method, http.path, bytes(http.query), http.body) == ("POST", PATH, b'{"q":"1"}', '{"a": 1}')
    assert (http.ip, http.received_at_ms) == ("127.0.0.1", run.received_at_ms)
    assert set(http.masked) == {"authorization", "cookie", "x-api-key", "x-gitlab-token"}
    assert http.headers["x-many"] == "1, 2"
    assert http.headers["x-hub-signature-256"] == "sha256=1"
    assert http.headers["x-name"] == "käse"
    assert not set(http.masked) & http.headers.keys()
    assert samples.token() not in repr(run)
