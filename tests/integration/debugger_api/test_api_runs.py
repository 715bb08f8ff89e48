"""Runs over the API: the list that stays put, and one run in the documented shape."""

import asyncio

import msgspec
import pytest

from libs.common import messages
from tests import factories
from tests.integration.debugger_api.world import NOBODY, World, id_at, request

pytestmark = pytest.mark.postgres

FLOW_A = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"
FLOW_B = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a222"
NOON_MS = 1_795_608_000_000  # 2026-11-25T12:00:00Z


def result(run_id: str, **changes: object) -> messages.Result:
    fields = {
        "run_id": run_id,
        "attempt": 1,
        "status": "success",
        "started_at_ms": NOON_MS + 5,
        "finished_at_ms": NOON_MS + 30,
        "queued_ms": 5,
        "run_ms": 25,
    }
    return messages.Result(**{**fields, **changes})  # type: ignore[arg-type]  # a test's shorthand


def step(**changes: object) -> messages.Step:
    fields = {"path": "steps[1]", "ref": "crm", "type": "http", "status": "success", "started_at_ms": NOON_MS + 6}
    return messages.Step(**{**fields, **changes})  # type: ignore[arg-type]  # a test's shorthand


async def walk(world: World, query: str) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await world.ask("GET", f"/v1/runs?{query}&cursor={cursor}")).json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return seen
        cursor = page["next_cursor"]


async def test_a_run_has_the_documented_shape(world: World) -> None:
    run_id = id_at(NOON_MS)
    received = messages.HttpRequest(
        method="POST",
        path=f"/v1/flow-webhook/{FLOW_A}",
        query=msgspec.Raw(b'{"a":"1"}'),
        headers={"user-agent": "curl"},
        ip="192.0.2.1",
        body='{"n": 1}',
        received_at_ms=NOON_MS,
        masked=("authorization",),
    )
    steps = (
        step(path="steps[0]", ref="web1", type="webhook", duration_ms=0, output=msgspec.Raw(b'{"n": 1}')),
        step(title="Look up", duration_ms=20, input=msgspec.Raw(b'{"url": "https://x"}'), output=msgspec.Raw(b"[1.0]")),
    )
    response = messages.Response(status=200, headers={"Content-Type": "application/json"}, body='{"ok": true}')
    await world.record.write(
        [
            request(FLOW_A, run_id=run_id, received_at_ms=NOON_MS, request=received),
            result(run_id, steps=steps, response=response),
            messages.Replied(run_id=run_id, status=200, reply_ms=31),
        ]
    )

    run = (await world.ask("GET", f"/v1/runs/{run_id}", scope="automation.view")).json

    assert run["request"].pop("headers") == {"user-agent": "curl", "authorization": "***"}
    assert run["request"]["method"] == "POST"
    del run["request"]
    assert run == {
        "id": run_id,
        "flow_id": FLOW_A,
        "flow_name": "A flow",
        "flow_version": 1,
        "status": "success",
        "mode": "sync",
        "trigger": {"kind": "webhook", "run_id": None},
        "received_at": "2026-11-25T12:00:00.000Z",
        "started_at": "2026-11-25T12:00:00.005Z",
        "finished_at": "2026-11-25T12:00:00.030Z",
        "queued_ms": 5,
        "run_ms": 25,
        "reply_ms": 31,
        "input": {"n": 1},
        "steps": [
            {
                "ref": "web1",
                "type": "webhook",
                "title": "",
                "status": "success",
                "path": "steps[0]",
                "attempt": 1,
                "started_at": "2026-11-25T12:00:00.006Z",
                "duration_ms": 0,
                "input": None,
                "output": {"n": 1},
                "error": None,
            },
            {
                "ref": "crm",
                "type": "http",
                "title": "Look up",
                "status": "success",
                "path": "steps[1]",
                "attempt": 1,
                "started_at": "2026-11-25T12:00:00.006Z",
                "duration_ms": 20,
                "input": {"url": "https://x"},
                "output": [1.0],
                "error": None,
            },
        ],
        "response": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": '{"ok": true}'},
        "error": None,
        "redelivered": 0,
    }


async def test_a_wait_is_no_redelivery_and_a_lost_runner_is(world: World) -> None:
    waited, lost = await world.accept(FLOW_A), await world.accept(FLOW_A)
    await world.record.write([factories.parked(waited, until_ms=0), factories.claim(waited)])
    await world.record.write([factories.started(lost), factories.claim(lost, redelivered=True)])

    runs = (await world.ask("GET", "/v1/runs")).json["items"]

    assert {run["status"] for run in runs} == {"queued"}
    assert {run["id"]: run["redelivered"] for run in runs} == {waited: 0, lost: 1}


async def test_a_failed_run_says_where_and_why(world: World) -> None:
    run_id = await world.accept(FLOW_A)
    failed = step(status="error", error=messages.RunError(code="http_status", message="404"))
    error = messages.RunError(code="http_status", message="404", step="crm")
    await world.record.write([result(run_id, status="error", steps=(failed,), error=error)])

    run = (await world.ask("GET", f"/v1/runs/{run_id}")).json

    assert run["error"] == {"code": "http_status", "message": "404", "step": "crm"}
    assert run["steps"][0]["error"]["code"] == "http_status"
    assert run["response"] is None


async def test_a_run_that_waits_in_the_queue_is_there(world: World) -> None:
    run_id = await world.accept(FLOW_A, mode="async")

    run = (await world.ask("GET", f"/v1/runs/{run_id}")).json

    assert (run["status"], run["mode"], run["started_at"], run["steps"]) == ("queued", "async", None, [])


async def test_a_run_whose_request_is_still_on_its_way_is_there(world: World) -> None:
    run_id = id_at(NOON_MS)
    await world.record.write([result(run_id)])

    run = (await world.ask("GET", f"/v1/runs/{run_id}")).json

    assert (run["status"], run["flow_id"], run["trigger"], run["input"]) == ("success", None, None, None)


async def test_recorded_values_are_shown_exactly(world: World) -> None:
    exact = b'{"n": 12345678901234567890123, "z": "\\u0000", "f": 1.0}'
    run_id = await world.accept(FLOW_A, input=msgspec.Raw(exact))

    shown = (await world.ask("GET", f"/v1/runs/{run_id}")).text

    for value in ("12345678901234567890123", '"\\u0000"', "1.0"):
        assert value in shown


@pytest.mark.parametrize("run_id", [NOBODY, "7", "x" * 36])
async def test_an_unknown_run_is_404(world: World, run_id: str) -> None:
    assert (await world.ask("GET", f"/v1/runs/{run_id}")).status == 404


async def test_runs_are_listed_newest_first_without_payloads(world: World) -> None:
    runs = [await world.accept(FLOW_A, at_ms=NOON_MS + n) for n in range(3)]

    page = (await world.ask("GET", "/v1/runs")).json

    assert [item["id"] for item in page["items"]] == runs[::-1]
    assert page["next_cursor"] is None
    assert not {"request", "input", "steps", "response"} & page["items"][0].keys()


async def test_a_list_of_runs_stays_put_while_runs_come_in(world: World) -> None:
    runs = [await world.accept(FLOW_A, at_ms=NOON_MS + n) for n in range(7)]
    first = (await world.ask("GET", "/v1/runs?limit=3")).json

    await asyncio.gather(*(world.accept(FLOW_A, at_ms=NOON_MS + 100 + n) for n in range(5)))
    second = (await world.ask("GET", f"/v1/runs?limit=3&cursor={first['next_cursor']}")).json
    third = (await world.ask("GET", f"/v1/runs?limit=3&cursor={second['next_cursor']}")).json

    seen = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert seen == runs[::-1]
    assert third["next_cursor"] is None


async def test_runs_are_filtered(world: World) -> None:
    early = await world.accept(FLOW_A, at_ms=NOON_MS)
    middle = await world.accept(FLOW_B, at_ms=NOON_MS + 1000)
    late = await world.accept(FLOW_A, at_ms=NOON_MS + 2000)
    await world.record.write([result(late)])

    assert await walk(world, f"flow_id={FLOW_A}") == [late, early]
    assert await walk(world, f"flow_id={FLOW_A.upper()}&limit=1") == [late, early]
    assert await walk(world, "status=queued") == [middle, early]
    assert await walk(world, f"status=success&flow_id={FLOW_A}") == [late]
    assert await walk(world, "since=2026-11-25T12:00:01Z") == [late, middle]
    assert await walk(world, "until=2026-11-25T12:00:01Z") == [early]
    assert await walk(world, "since=2026-11-25T13:00:01%2B01:00&until=2026-11-25T12:00:02Z&limit=1") == [middle]
    assert await walk(world, "flow_id=&status=&since=&until=") == [late, middle, early]


async def test_every_fault_of_a_query_is_told(world: World) -> None:
    reply = await world.ask("GET", "/v1/runs?flow_id=7&status=done&since=yesterday&until=2026-11-25&q=x&cursor=7")

    assert (reply.status, reply.json["error"]) == (422, "invalid_request")
    assert {"flow_id", "status", "since", "until", "q"} <= set(reply.faults)


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    await world.save()
    await world.save()
    cursor = (await world.ask("GET", "/v1/flows?limit=1")).json["next_cursor"]

    reply = await world.ask("GET", f"/v1/runs?cursor={cursor}")

    assert (reply.status, reply.faults) == (422, ["cursor"])
