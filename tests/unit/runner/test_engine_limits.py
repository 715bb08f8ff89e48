"""Waits, limits and orders."""

import asyncio
from typing import Any

import msgspec
import pytest

from libs.common import messages
from services.runner import outcomes
from services.runner.orders import Order
from services.runner.steps import port
from tests.unit.runner import fakes, flows
from tests.unit.runner.flows import ANSWERED, CALL_A, CALL_B, SUM, WEBHOOK, Bench, compiled, outputs

DELAY = "{ref: wait, type: delay, with: {seconds: 60}}"


async def test_a_long_wait_parks_the_run() -> None:
    outcome = await Bench().run(compiled(WEBHOOK, DELAY, CALL_A))

    assert isinstance(outcome, outcomes.Parked)
    assert (outcome.until_ms, outcome.status) == (fakes.NOW_MS + 60_000, "waiting")
    assert [(step.ref, step.status) for step in outcome.steps] == [("web1", "success"), ("wait", "waiting")]


async def test_a_wait_that_is_over_is_not_waited_again() -> None:
    bench = Bench()
    parked = await bench.run(compiled(WEBHOOK, DELAY, CALL_A))
    assert isinstance(parked, outcomes.Parked)
    bench.clock.advance(61)

    outcome = await bench.run(compiled(WEBHOOK, DELAY, CALL_A), number=2, journal=parked.steps)

    assert isinstance(outcome, outcomes.Finished)
    assert bench.clock.slept == []
    wait = bench.published[0][0]
    assert (wait.ref, wait.status, wait.duration_ms) == ("wait", "success", 61_000)


async def test_a_run_that_comes_back_too_soon_waits_on() -> None:
    bench = Bench()
    flow = compiled(WEBHOOK, DELAY)
    parked = await bench.run(flow)
    assert isinstance(parked, outcomes.Parked)
    bench.clock.advance(20)

    again = await bench.run(flow, number=2, journal=parked.steps)
    bench.clock.advance(38)
    nearly = await bench.run(flow, number=3, journal=parked.steps)

    assert isinstance(again, outcomes.Parked)
    assert again.until_ms == parked.until_ms
    assert isinstance(nearly, outcomes.Finished)
    assert bench.clock.slept == [2.0]


async def test_a_short_wait_is_slept_through() -> None:
    bench = Bench()

    outcome = await bench.run(compiled(WEBHOOK, '{ref: wait, type: delay, with: {seconds: "{{ 2 }}"}}'))

    assert isinstance(outcome, outcomes.Finished)
    assert bench.clock.slept == [2.0]
    assert outcome.ran_ms == 0


@pytest.mark.parametrize("seconds", ["{{ -1 }}", "{{ 'soon' }}", "{{ true }}", "{{ 10 ** 9 }}"])
async def test_a_wait_of_no_length_is_an_error(seconds: str) -> None:
    outcome = await Bench().run(compiled(WEBHOOK, f'{{ref: wait, type: delay, with: {{seconds: "{seconds}"}}}}'))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "delay"


async def test_time_spent_running_is_limited_and_waits_do_not_count() -> None:
    bench = Bench()
    bench.http.answers = flows.after(lambda: bench.clock.advance(6))
    short_wait = "{ref: wait, type: delay, with: {seconds: 5}}"
    flow = compiled(WEBHOOK, short_wait, CALL_A, CALL_B, SUM, settings={"max_duration": 10})

    outcome = await bench.run(flow)

    assert isinstance(outcome, outcomes.Failed)
    assert (outcome.error.code, outcome.error.step) == ("max_duration", "sum")
    assert outcome.ran_ms == 12_000


async def test_earlier_attempts_count_towards_the_limit() -> None:
    flow = compiled(WEBHOOK, CALL_A, CALL_B, settings={"max_duration": 10})
    before = messages.Step(
        path="steps[1]", ref="a", type="http", status="success", started_at_ms=1, duration_ms=11_000,
        output=msgspec.Raw(b'{"status":200}'),
    )  # fmt: skip
    bench = Bench()

    outcome = await bench.run(flow, number=2, journal=(before,))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "max_duration"
    assert bench.http.calls == []


async def test_a_step_in_flight_ends_with_the_runs_time() -> None:
    bench = Bench()
    bench.http.hangs = True
    task = asyncio.create_task(bench.run(compiled(WEBHOOK, CALL_A, settings={"max_duration": 10})))
    await bench.http.hanging.wait()

    bench.clock.advance(10)
    outcome = await task

    assert isinstance(outcome, outcomes.Failed)
    assert (outcome.error.code, outcome.error.step) == ("max_duration", "a")


async def test_a_run_that_has_held_its_message_for_long_parks_itself() -> None:
    bench = Bench()
    bench.http.answers = flows.after(lambda: bench.clock.advance(601))

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, SUM, CALL_B))

    assert isinstance(outcome, outcomes.Parked)
    assert (outcome.status, outcome.until_ms) == ("queued", bench.clock.now_ms())
    assert [step.ref for step in outcome.steps] == ["sum"]
    assert len(bench.http.calls) == 1


async def test_a_message_that_came_long_ago_leaves_sooner() -> None:
    bench = Bench()

    outcome = await bench.run(compiled(WEBHOOK, CALL_A), arrived=bench.clock.monotonic() - 1440)

    assert isinstance(outcome, outcomes.Parked)
    assert bench.http.calls == []


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.CANCEL, outcomes.Cancelled),
        (Order.INTERRUPT, outcomes.Interrupted),
        (Order.LOST, outcomes.Lost),
    ],
)
async def test_an_order_ends_the_step_in_flight(order: Order, expected: type[Any]) -> None:
    bench = Bench()
    bench.http.hangs = True
    task = asyncio.create_task(bench.run(compiled(WEBHOOK, SUM, CALL_A)))
    await bench.http.hanging.wait()

    bench.orders.give(order)
    outcome = await task

    assert isinstance(outcome, expected)
    if not isinstance(outcome, outcomes.Lost):
        assert [step.ref for step in outcome.steps] == ["web1", "sum"]


async def test_a_stopping_runner_finishes_the_step_and_begins_no_other_that_acts() -> None:
    bench = Bench()
    bench.http.answers = flows.after(lambda: bench.orders.give(Order.STOP))

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, SUM, CALL_B))

    assert isinstance(outcome, outcomes.Interrupted)
    assert [step.ref for step in outcome.steps][-1] == "sum"
    assert len(bench.http.calls) == 1


async def test_a_stopping_runner_finishes_what_only_computes() -> None:
    bench = Bench()
    bench.orders.give(Order.STOP)

    outcome = await bench.run(compiled(ANSWERED, SUM))

    assert isinstance(outcome, outcomes.Finished)


async def test_a_wait_for_a_confirm_hears_orders() -> None:
    bench = Bench()
    bench.confirming.clear()
    task = asyncio.create_task(bench.run(compiled(WEBHOOK, CALL_A, CALL_B)))
    for _ in range(10):
        await asyncio.sleep(0)

    bench.orders.give(Order.INTERRUPT)
    outcome = await task

    assert isinstance(outcome, outcomes.Interrupted)
    assert [step.ref for step in outcome.steps] == ["web1", "a"]


async def test_a_step_from_outside_joins_by_a_spec_and_a_kind() -> None:
    class Shout(port.Leaf):
        spec = flows.shout_spec()

        async def run(self, call: port.Call) -> port.Verdict:
            return port.Output({"text": f"{call.inputs['text']}!"})

    bench = Bench(more=(Shout(),))

    outcome = await bench.run(flows.compiled_with(Shout.spec, WEBHOOK, '{ref: s, type: shout, with: {text: "hey"}}'))

    assert isinstance(outcome, outcomes.Finished)
    assert outputs(outcome.steps)["s"] == {"text": "hey!"}
