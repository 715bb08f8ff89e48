"""A runner on the in-process bus, from a message to its settlement."""

import asyncio
from typing import Any

import msgspec

from libs.common import messages, topology
from libs.common.bus import port
from tests.unit.runner import fakes, flows, requests
from tests.unit.runner.flows import WEBHOOK
from tests.unit.runner.running import GATEWAY, Installation, settle

PURE = flows.source(
    "{ref: web1, type: webhook, with: {response: {body: '{{ sum.value }}'}}}",
    '{ref: sum, type: dict, with: {value: "{{ web1.id + 1 }}"}}',
)
CALLS = flows.source(
    WEBHOOK,
    '{ref: a, type: http, with: {url: "http://a"}}',
    '{ref: b, type: http, with: {url: "http://b"}}',
)


def pure(**fields: Any) -> messages.RunRequest:
    given: dict[str, Any] = {"input": {"id": 1}, "reply_to": GATEWAY} | fields
    return requests.request(PURE, **given)


def kinds(installation: Installation) -> list[str]:
    return [type(event).__name__ for event in installation.recorder.events]


async def test_a_fresh_run_is_executed_and_its_gateway_gets_the_result(installation: Installation) -> None:
    replies: list[messages.Result] = []

    async def reply(delivery: port.Delivery) -> None:
        replies.append(messages.decode(delivery.schema, delivery.body))
        await delivery.ack()

    runner = await installation.runner()
    runner.bus.subscribe(topology.reply_queue(GATEWAY).name, reply, prefetch=10)
    request = pure(received_at_ms=fakes.NOW_MS - 40)

    await installation.publish(request)
    result = await installation.result()

    assert (result.run_id, result.status, result.attempt) == (request.run_id, "success", 1)
    assert result.response is not None
    assert result.response.body == "2"
    assert (result.started_at_ms, result.finished_at_ms, result.queued_ms) == (fakes.NOW_MS, fakes.NOW_MS, 40)
    assert replies == [result]
    assert kinds(installation) == ["Result"]


async def test_a_run_that_acts_shows_a_sign_of_life_first(installation: Installation) -> None:
    await installation.runner()

    await installation.publish(requests.request(CALLS))
    await installation.result()

    assert kinds(installation) == ["Started", "StepsDone", "StepsDone", "Result"]
    assert {event.attempt for event in installation.recorder.events if isinstance(event, messages.Started)} == {1}


async def test_a_message_that_cannot_be_read_is_put_away(installation: Installation) -> None:
    await installation.runner()

    await installation.recorder.publish(port.Letter(topology.RUNS, "run.sync.0", "run/9", b"{}"))
    await installation.recorder.publish(port.Letter(topology.RUNS, "run.sync.0", "run/1", b"{"))
    await settle()

    assert installation.waiting(topology.DEAD_RUNS) == 2


async def test_a_document_that_this_runner_cannot_compile_is_an_error_of_the_run(installation: Installation) -> None:
    await installation.runner()
    document = b'{"name":"x","status":"active","steps":[{"ref":"a","type":"of_the_future"}]}'

    await installation.publish(requests.request(document, flow_id="2b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a113"))
    result = await installation.result()

    assert result.status == "error"
    assert result.error is not None
    assert result.error.code == "invalid_flow"
    assert "of_the_future" in result.error.message


async def test_a_failed_run_names_its_step(installation: Installation) -> None:
    runner = await installation.runner()
    runner.http.answers = lambda _: flows.failing()

    await installation.publish(requests.request(CALLS))
    result = await installation.result()

    assert (result.status, result.response) == ("error", None)
    assert result.error == messages.RunError(code="http_status", message="it failed", step="a")


async def test_a_running_run_is_cancelled(installation: Installation) -> None:
    runner = await installation.runner()
    runner.http.hangs = True
    request = requests.request(CALLS)
    await installation.publish(request)
    await runner.http.hanging.wait()

    await installation.tell(messages.Cancel(run_id="another"), "cancel")
    await installation.tell(messages.Cancel(run_id=request.run_id), "cancel")
    result = await installation.result()

    assert (result.run_id, result.status) == (request.run_id, "cancelled")
    assert result.error is not None
    assert result.error.code == "cancelled"


async def test_a_lost_lease_ends_its_runs_and_nothing_more_is_heard_of_them(installation: Installation) -> None:
    runner = await installation.runner()
    runner.http.hangs = True
    request = requests.request(CALLS)
    await installation.publish(request)
    await runner.http.hanging.wait()
    heard = len(installation.recorder.events)

    installation.broker.down()
    await settle()
    installation.broker.up()
    (claim,) = await installation.recorder.wait_for(messages.Claim)

    assert claim.run_id == request.run_id
    assert len(installation.recorder.events) == heard + 1
    assert len(runner.http.calls) == 1


async def test_nothing_is_acknowledged_before_its_result_is_confirmed(installation: Installation) -> None:
    runner = await installation.runner()
    runner.http.answers = flows.after(installation.broker.block)
    request = requests.request(flows.source(WEBHOOK, '{ref: a, type: http, with: {url: "http://a"}}'))
    installation.clock.on_sleep = installation.broker.unblock

    await installation.publish(request)
    result = await installation.result()

    assert result.status == "success"
    assert installation.clock.slept[0] == 0.05
    assert [step.ref for step in result.steps] == ["web1", "a"]


async def test_a_result_that_no_broker_takes_is_an_error_without_its_values(installation: Installation) -> None:
    runner = await installation.runner()
    runner.http.answers = lambda _: {"body": "x" * (port.MAX_MESSAGE_BYTES + 1)}
    last = flows.source(WEBHOOK, '{ref: a, type: http, with: {url: "http://a"}}')

    await installation.publish(requests.request(last))
    result = await installation.result()

    assert result.error is not None
    assert result.error.code == "result_too_large"
    assert [(step.ref, step.output) for step in result.steps] == [("web1", messages.NULL), ("a", messages.NULL)]


async def test_the_frozen_clock_travels_with_every_event(installation: Installation) -> None:
    request = requests.request(CALLS, must_claim=True)
    installation.grant(request, now_ms=5)
    await installation.runner()

    await installation.publish(request)
    await installation.result()

    told = [e.now_ms for e in installation.recorder.events if isinstance(e, messages.Started | messages.StepsDone)]
    assert told == [5, 5, 5]


async def test_two_messages_of_one_run_are_both_cancelled(installation: Installation) -> None:
    runner = await installation.runner()
    runner.http.hangs = True
    request = requests.request(CALLS)
    await installation.publish(request)
    await runner.http.hanging.wait()
    runner.http.hanging.clear()
    copy = msgspec.structs.replace(request, lane=(request.lane + 1) % topology.LANES)
    await installation.publish(copy)
    await runner.http.hanging.wait()

    await installation.tell(messages.Cancel(run_id=request.run_id), "cancel")

    results = await asyncio.wait_for(installation.recorder.wait_for(messages.Result, 2), fakes.DEADLINE_S)
    assert [result.status for result in results] == ["cancelled", "cancelled"]
