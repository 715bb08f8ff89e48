"""Runs that must be claimed, on the in-process bus: when, and what follows from the answer."""

from typing import Any

import pytest

from libs.common import messages, topology
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
WAITS = flows.source(WEBHOOK, "{ref: wait, type: delay, with: {seconds: 60}}")


def pure(**fields: Any) -> messages.RunRequest:
    given: dict[str, Any] = {"input": {"id": 1}, "reply_to": GATEWAY} | fields
    return requests.request(PURE, **given)


def kinds(installation: Installation) -> list[str]:
    return [type(event).__name__ for event in installation.recorder.events]


@pytest.mark.parametrize(
    "request_",
    [pure(must_claim=True), pure(received_at_ms=fakes.NOW_MS - 3_600_001)],
    ids=["marked", "too old"],
)
async def test_what_is_not_fresh_is_claimed_first(installation: Installation, request_: messages.RunRequest) -> None:
    installation.grant(request_)
    await installation.runner()

    await installation.publish(request_)
    result = await installation.result()

    assert (result.status, result.attempt) == ("success", 2)
    assert kinds(installation) == ["Claim", "Started", "Result"]


async def test_a_redelivered_run_is_claimed_first(installation: Installation) -> None:
    first = await installation.runner()
    first.http.hangs = True
    request = requests.request(CALLS)
    await installation.publish(request)
    await first.http.hanging.wait()
    installation.grant(request)
    second = await installation.runner()

    first.bus.kill()
    result = await installation.result()

    assert (result.attempt, result.status) == (2, "success")
    assert len(second.http.calls) == 2
    (claim,) = await installation.recorder.wait_for(messages.Claim)
    assert claim.redelivered


async def test_a_woken_run_goes_on_from_its_journal(installation: Installation) -> None:
    request = requests.request(WAITS, input={"id": 1})
    runner = await installation.runner()
    await installation.publish(request)
    (parked,) = await installation.recorder.wait_for(messages.Parked)
    installation.clock.advance(60)
    installation.grant(request, journal=parked.steps)

    await installation.wake(messages.Wake(run_id=request.run_id))
    result = await installation.result()

    assert (parked.status, parked.until_ms, parked.attempt) == ("waiting", fakes.NOW_MS + 60_000, 1)
    assert (result.attempt, result.status, result.started_at_ms) == (2, "success", fakes.NOW_MS)
    assert runner.service.ready
    assert installation.clock.slept == []


async def test_a_run_that_nobody_may_have_is_done_with(installation: Installation) -> None:
    installation.recorder.answers = lambda claim: messages.Answer(
        run_id=claim.run_id, nonce=claim.nonce, verdict="drop"
    )
    runner = await installation.runner()

    await installation.wake(messages.Wake(run_id="r"))
    await installation.recorder.wait_for(messages.Claim)
    await settle()
    runner.bus.kill()

    assert installation.waiting(topology.CLAIMED) == 0


async def test_a_run_held_unstarted_for_long_is_claimed(installation: Installation) -> None:
    runner = await installation.runner(runner_concurrency=1)
    runner.http.hangs = True
    await installation.publish(requests.request(CALLS))
    await runner.http.hanging.wait()
    held = pure(flow_id="1b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a112")
    await installation.publish(held)
    await installation.clock.bounded(2)

    installation.clock.advance(300)

    (claim,) = await installation.recorder.wait_for(messages.Claim)
    assert claim.run_id == held.run_id
    assert claim.request == held


async def test_a_grant_without_a_slot_is_given_up(installation: Installation) -> None:
    runner = await installation.runner(runner_concurrency=1)
    runner.http.hangs = True
    await installation.publish(requests.request(CALLS))
    await runner.http.hanging.wait()
    request = pure()
    installation.grant(request)
    await installation.wake(messages.Wake(run_id=request.run_id))
    await installation.recorder.wait_for(messages.Claim)
    await installation.clock.bounded(2)

    installation.clock.advance(300)

    (parked,) = await installation.recorder.wait_for(messages.Parked)
    assert (parked.run_id, parked.status, parked.attempt) == (request.run_id, "queued", 2)


async def test_a_claimed_attempt_is_announced_before_its_first_step(installation: Installation) -> None:
    runner = await installation.runner()
    request = requests.request(CALLS, must_claim=True)
    installation.grant(request)
    before: list[int] = []
    runner.http.answers = flows.after(
        lambda: before.append(len([e for e in installation.recorder.events if isinstance(e, messages.Started)]))
    )

    await installation.publish(request)
    await installation.result()

    assert before == [1, 1]


async def test_a_suspect_comes_alone_and_says_so(installation: Installation) -> None:
    request = pure()
    installation.grant(request)
    await installation.runner()

    await installation.wake(messages.Wake(run_id=request.run_id, replaces=messages.Holder("m", 3)), "suspect")
    await installation.result()

    (claim,) = await installation.recorder.wait_for(messages.Claim)
    assert claim.suspect
    assert claim.replaces == messages.Holder("m", 3)
