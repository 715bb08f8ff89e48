"""A runner that stops loses nothing: it finishes, or hands back and says so."""

import asyncio

from libs.common import messages
from tests.unit.runner import flows, requests
from tests.unit.runner.flows import WEBHOOK
from tests.unit.runner.running import Installation, OneRunner, settle

CALLS = flows.source(
    WEBHOOK,
    '{ref: a, type: http, with: {url: "http://a"}}',
    '{ref: d, type: dict, with: {v: "{{ a.status }}"}}',
    '{ref: b, type: http, with: {url: "http://b"}}',
)


async def at_work(installation: Installation, **settings: int) -> tuple[OneRunner, messages.RunRequest]:
    runner = await installation.runner(**settings)
    runner.http.hangs = True
    request = requests.request(CALLS)
    await installation.publish(request)
    await runner.http.hanging.wait()
    return runner, request


async def test_an_idle_runner_stops_at_once(installation: Installation) -> None:
    runner = await installation.runner()

    await runner.service.stop()
    await runner.service.stop()

    assert not runner.service.ready


async def test_the_step_in_flight_is_finished_and_the_rest_handed_back(installation: Installation) -> None:
    runner, request = await at_work(installation)
    stop = asyncio.create_task(runner.service.stop())
    await settle()

    runner.http.gate.set()
    (handed,) = await installation.recorder.wait_for(messages.HandedBack)
    await stop

    assert (handed.run_id, handed.attempt) == (request.run_id, 1)
    assert [step.ref for step in handed.steps][-1] == "d"
    assert len(runner.http.calls) == 1


async def test_what_is_handed_back_goes_on_elsewhere_behind_its_journal(installation: Installation) -> None:
    first, request = await at_work(installation)
    stop = asyncio.create_task(first.service.stop())
    await installation.clock.bounded(2)
    installation.grant(request)
    second = await installation.runner()

    installation.clock.advance(22)
    await stop
    result = await installation.result()

    assert (result.attempt, result.status) == (2, "success")
    assert second.http.calls == ["http://a", "http://b"]
    assert [type(event) for event in installation.recorder.events][:3] == [
        messages.Started,
        messages.HandedBack,
        messages.Claim,
    ]


async def test_what_has_not_begun_goes_back_untouched(installation: Installation) -> None:
    runner, _ = await at_work(installation, runner_concurrency=1)
    other = requests.request(CALLS, flow_id="1b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a112")
    await installation.publish(other)
    await settle()

    stop = asyncio.create_task(runner.service.stop())
    await installation.clock.bounded(2)
    second = await installation.runner()
    (claim,) = await installation.recorder.wait_for(messages.Claim)
    installation.clock.advance(22)
    await stop

    assert claim.run_id == other.run_id
    assert [event.run_id for event in installation.recorder.events if isinstance(event, messages.HandedBack)] != [
        other.run_id
    ]
    assert second.service.ready


async def test_nothing_new_is_taken(installation: Installation) -> None:
    runner, _ = await at_work(installation)
    stop = asyncio.create_task(runner.service.stop())
    await settle()

    await installation.publish(requests.request(CALLS, flow_id="1b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a112"))
    await settle()
    installation.clock.advance(22)
    await stop

    assert len(runner.http.calls) == 1


async def test_a_broker_that_is_blocked_does_not_keep_a_runner_from_stopping(installation: Installation) -> None:
    runner, request = await at_work(installation)
    installation.broker.block()
    stop = asyncio.create_task(runner.service.stop())
    await installation.clock.bounded(2)

    installation.clock.advance(22)
    await stop

    assert installation.waiting(f"runs.sync.{request.lane}.v1") == 1
