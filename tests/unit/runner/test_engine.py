"""The core, driven without a bus: effects, clock and confirms are the test's. What steps see and leave."""

import msgspec
import pytest

from libs.common import messages
from services.runner import outcomes
from tests.unit.runner import fakes, requests
from tests.unit.runner.flows import ANSWERED, CALL_A, SUM, WEBHOOK, Bench, compiled, outputs


async def test_steps_see_what_earlier_ones_left() -> None:
    bench = Bench()

    outcome = await bench.run(compiled(ANSWERED, SUM))

    assert isinstance(outcome, outcomes.Finished)
    assert outputs(outcome.steps) == {"web1": {"id": 7}, "sum": {"value": 8}}
    assert outcome.response is not None
    assert (outcome.response.status, outcome.response.body) == (201, '{"got": 8}')


async def test_a_step_is_recorded_with_all_that_it_was() -> None:
    bench = Bench()

    outcome = await bench.run(compiled(WEBHOOK, '{ref: d, type: dict, title: Data, with: {a: "{{ web1.id }}", b: 1}}'))

    assert isinstance(outcome, outcomes.Finished)
    step = outcome.steps[1]
    assert (step.path, step.ref, step.type, step.title, step.status) == ("steps[1]", "d", "dict", "Data", "success")
    assert (step.started_at_ms, step.duration_ms, step.attempt) == (fakes.NOW_MS, 0, 1)
    assert msgspec.json.decode(step.input) == msgspec.json.decode(step.output) == {"a": 7, "b": 1}


async def test_the_input_passes_exactly() -> None:
    exact = b'{"n":123456789012345678901234567890,"t":"a\\u0000b"}'
    request = msgspec.structs.replace(requests.request(), input=msgspec.Raw(exact))

    outcome = await Bench().run(compiled(WEBHOOK, '{ref: d, type: dict, with: {n: "{{ web1.n }}"}}'), request)

    assert isinstance(outcome, outcomes.Finished)
    assert bytes(outcome.steps[0].output) == exact
    assert msgspec.json.decode(outcome.steps[1].output) == {"n": 123456789012345678901234567890}


async def test_templates_know_the_request_the_flow_and_the_run() -> None:
    http = messages.HttpRequest(
        method="POST",
        path="/x",
        query=msgspec.Raw(b'{"q":"1"}'),
        headers={"x-a": "b"},
        ip="1.2.3.4",
        body="raw",
        received_at_ms=0,
    )
    names = (
        "{{ request.method }} {{ request.query.q }} {{ request.headers['x-a'] }} {{ request.ip }} {{ request.body }}"
        " {{ request.received_at }} {{ flow.name }} {{ flow.version }} {{ run.id }} {{ now().year }}"
    )

    outcome = await Bench().run(
        compiled(WEBHOOK, f'{{ref: d, type: dict, with: {{t: "{names}"}}}}'), requests.request(run_id="r", request=http)
    )

    assert isinstance(outcome, outcomes.Finished)
    assert outputs(outcome.steps)["d"]["t"] == "POST 1 b 1.2.3.4 raw 2027-01-15T08:00:00.000Z Test 1 r 2027"


async def test_now_stands_still_and_random_repeats_for_a_run_and_a_step() -> None:
    flow = compiled(
        WEBHOOK,
        CALL_A,
        '{ref: d, type: dict, with: {at: "{{ now() }}", dice: "{{ range(100000) | random }}"}}',
        '{ref: e, type: dict, with: {dice: "{{ range(100000) | random }}"}}',
    )
    request = requests.request(run_id="r", input={"id": 7})
    late = Bench()
    late.clock.advance(3600)

    first = await Bench().run(flow, request)
    second = await late.run(flow, request)

    assert isinstance(first, outcomes.Finished)
    assert isinstance(second, outcomes.Finished)
    assert outputs(first.steps)["d"] == outputs(second.steps)["d"]
    assert outputs(first.steps)["d"]["dice"] != outputs(first.steps)["e"]["dice"]


@pytest.mark.parametrize(("size", "score"), [(500, 10), (5, 1)])
async def test_if_takes_one_branch(size: int, score: int) -> None:
    big = """{ref: big, type: if, with: {a: "{{ web1.id }}", op: greater, b: 100},
              then: [{ref: score, type: dict, with: {value: 10}}],
              else: [{ref: score, type: dict, with: {value: 1}}]}"""

    outcome = await Bench().run(
        compiled(WEBHOOK, big, '{ref: d, type: dict, with: {v: "{{ score.value }}"}}'),
        requests.request(input={"id": size}),
    )

    assert isinstance(outcome, outcomes.Finished)
    assert outputs(outcome.steps)["d"] == {"v": score}
    assert outputs(outcome.steps)["big"] == {"result": size > 100}


async def test_a_missing_branch_ends_there_and_the_flow_goes_on_behind_it() -> None:
    check = "{ref: big, type: if, with: {a: 1, op: equal, b: 2}, then: [{ref: x, type: dict, with: {}}]}"

    outcome = await Bench().run(compiled(WEBHOOK, check, "{ref: d, type: dict, with: {v: 1}}"))

    assert isinstance(outcome, outcomes.Finished)
    assert [step.ref for step in outcome.steps] == ["web1", "big", "d"]
