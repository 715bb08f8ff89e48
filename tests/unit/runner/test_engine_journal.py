"""What is published when, and what is not done twice."""

import asyncio

import pytest

from libs.common import errors, messages
from services.runner import outcomes
from tests.unit.runner import requests
from tests.unit.runner.flows import ANSWERED, CALL_A, CALL_B, SUM, WEBHOOK, Bench, compiled, failing, outputs


async def test_an_effect_is_published_with_the_steps_before_it() -> None:
    bench = Bench()

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, SUM, CALL_B))

    assert isinstance(outcome, outcomes.Finished)
    assert [[step.ref for step in steps] for steps in bench.published] == [["web1", "a"], ["sum", "b"]]


async def test_no_effect_starts_before_the_last_one_is_confirmed() -> None:
    bench = Bench()
    bench.confirming.clear()
    task = asyncio.create_task(bench.run(compiled(WEBHOOK, CALL_A, SUM, CALL_B)))
    for _ in range(10):
        await asyncio.sleep(0)
    before = list(bench.http.calls)

    bench.confirming.set()
    await task

    assert before == ["http://a/7"]
    assert bench.http.calls == ["http://a/7", "http://b/200"]


async def test_the_last_event_bears_what_no_confirmed_one_does() -> None:
    bench = Bench()

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, SUM))

    assert isinstance(outcome, outcomes.Finished)
    assert [step.ref for step in outcome.steps] == ["sum"]


async def test_the_last_event_bears_again_what_is_not_confirmed_yet() -> None:
    bench = Bench()
    bench.confirming.clear()

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, SUM))

    assert isinstance(outcome, outcomes.Finished)
    assert [step.ref for step in outcome.steps] == ["web1", "a", "sum"]


async def test_a_journal_that_the_bus_does_not_take_is_an_error_of_the_run() -> None:
    bench = Bench(unsendable=errors.MessageTooLarge("13 MiB"))

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, CALL_B))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "result_too_large"
    assert len(bench.http.calls) == 1


async def test_a_lost_lease_ends_a_run_without_a_word() -> None:
    bench = Bench(unsendable=errors.LeaseLost("gone"))

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, CALL_B))

    assert outcome == outcomes.Lost()


FLOW = (
    ANSWERED,
    CALL_A,
    SUM,
    CALL_B,
    '{ref: at, type: dict, with: {now: "{{ now() }}", dice: "{{ range(100000) | random }}"}}',
    '{ref: c, type: if, with: {a: "{{ b.status }}", op: equal, b: 200}, then: [{ref: d, type: http, with: {url: "http://d"}}]}',
)


async def whole_run() -> tuple[outcomes.Finished, list[messages.Step], messages.RunRequest]:
    bench = Bench()
    request = requests.request(run_id="r", input={"id": 7})
    outcome = await bench.run(compiled(*FLOW), request)
    assert isinstance(outcome, outcomes.Finished)
    steps = {step.path: step for batch in (*bench.published, outcome.steps) for step in batch}
    return outcome, list(steps.values()), request


@pytest.mark.parametrize("survived", range(8))
async def test_killed_after_any_step_it_goes_on_to_the_same_values(survived: int) -> None:
    whole, steps, request = await whole_run()
    assert len(steps) == 7
    journal = tuple(steps[:survived])
    second = Bench()
    second.clock.advance(60)

    outcome = await second.run(compiled(*FLOW), request, number=2, journal=journal)

    assert isinstance(outcome, outcomes.Finished)
    assert outcome.response == whole.response
    after = {**outputs(journal), **outputs(*second.published, outcome.steps)}
    assert after == outputs(tuple(steps))
    done = [step.ref for step in journal if step.type == "http"]
    assert len(second.http.calls) == 3 - len(done)


async def test_a_failure_in_the_journal_is_not_tried_again() -> None:
    call = '{ref: a, type: http, on_error: continue, with: {url: "http://a"}}'
    flow = compiled(WEBHOOK, call, '{ref: d, type: dict, with: {v: "{{ a.error.code }} {{ a.status }}"}}')
    first = Bench()
    first.http.answers = lambda _: failing(status=500)
    await first.run(flow)
    second = Bench()

    outcome = await second.run(flow, number=2, journal=first.published[0])

    assert isinstance(outcome, outcomes.Finished)
    assert outputs(outcome.steps)["d"] == {"v": "http_status 500"}
    assert second.http.calls == []
