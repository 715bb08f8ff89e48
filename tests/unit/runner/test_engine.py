"""The core, driven without a bus: effects, clock and confirms are the test's."""

import asyncio
from typing import Any

import msgspec
import pytest

from libs.common import errors, messages
from services.runner import engine, outcomes
from services.runner.orders import Order
from services.runner.steps import port
from tests.unit.runner import fakes, flows, requests
from tests.unit.runner.flows import WEBHOOK, Bench, compiled, failing, outputs

CALL_A = '{ref: a, type: http, with: {url: "http://a/{{ web1.id }}"}}'
CALL_B = '{ref: b, type: http, with: {url: "http://b/{{ a.status }}"}}'
ANSWERED = """{ref: web1, type: webhook, with: {response: {status: 201, body: '{"got": {{ sum.value }}}'}}}"""
SUM = '{ref: sum, type: dict, with: {value: "{{ web1.id + 1 }}"}}'


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


# --- failures --------------------------------------------------------------------------------------------------------


async def test_a_failing_step_ends_the_run_in_its_name() -> None:
    bench = Bench()
    bench.http.answers = lambda _: failing(status=500, headers={}, body="no")

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, CALL_B))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error == messages.RunError(code="http_status", message="it failed", step="a")
    assert (outcome.steps[-1].status, outputs(outcome.steps)["a"]["status"]) == ("error", 500)
    assert len(bench.http.calls) == 1


async def test_on_error_continue_leaves_the_error_and_what_there_is_to_show() -> None:
    bench = Bench()
    bench.http.answers = lambda _: failing(status=503, headers={"h": "1"}, body={"why": "busy"})
    call = '{ref: a, type: http, on_error: continue, with: {url: "http://a"}}'
    shown = "{{ a.error.code }} {{ a.error.message }} {{ a.status }} {{ a.headers.h }} {{ a.body.why }}"

    outcome = await bench.run(compiled(WEBHOOK, call, f'{{ref: d, type: dict, with: {{v: "{shown}"}}}}'))

    assert isinstance(outcome, outcomes.Finished)
    assert outputs(outcome.steps)["d"] == {"v": "http_status it failed 503 1 busy"}
    assert bench.published[0][-1].status == "error"


async def test_a_template_that_fails_fails_its_step() -> None:
    outcome = await Bench().run(compiled(WEBHOOK, '{ref: d, type: dict, with: {v: "{{ web1.nothing.there }}"}}'))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.step == "d"
    assert "nothing" in outcome.error.message


@pytest.mark.parametrize("body", ["{{ nothing }}", "{{ 1 / 0 }}"])
async def test_a_response_that_fails_fails_the_run(body: str) -> None:
    outcome = await Bench().run(
        compiled(f'{{ref: web1, type: webhook, with: {{response: {{body: "{body}"}}}}}}', CALL_A)
    )

    assert isinstance(outcome, outcomes.Failed)
    assert (outcome.error.code, outcome.error.step) == ("response", None)


async def test_an_asynchronous_flow_has_been_answered_already() -> None:
    flow = compiled('{ref: web1, type: webhook, with: {async: true, response: {body: "{{ web1.id }}"}}}')

    outcome = await Bench().run(flow, requests.request(mode="async", input={"id": 7}))

    assert isinstance(outcome, outcomes.Finished)
    assert outcome.response is None


async def test_a_step_that_breaks_is_an_error_of_its_run() -> None:
    bench = Bench()
    bench.http.answers = lambda _: KeyError("a bug")

    outcome = await bench.run(compiled(WEBHOOK, CALL_A))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error == messages.RunError(code="internal", message="the step broke: KeyError", step="a")


async def test_a_steps_own_time_out_is_not_taken_for_the_runs() -> None:
    bench = Bench()
    bench.http.answers = lambda _: TimeoutError()

    outcome = await bench.run(compiled(WEBHOOK, CALL_A))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "internal"


async def test_an_output_that_is_no_json_is_an_error_of_its_step() -> None:
    bench = Bench()
    bench.http.answers = lambda _: {"v": "\ud800"}

    outcome = await bench.run(compiled(WEBHOOK, CALL_A))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "output"


async def test_a_kind_of_step_that_this_runner_lacks_is_named() -> None:
    bench = Bench()
    flow = compiled(WEBHOOK, CALL_A)
    core = engine.Engine({}, bench.clock, bench.rules)
    attempt = engine.Attempt(requests.request(), flow, 1, fakes.NOW_MS, 0)

    outcome = await core.execute(attempt, bench.orders, bench.announce)

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "invalid_flow"
    assert "'webhook'" in outcome.error.message


# --- terminate -------------------------------------------------------------------------------------------------------


async def test_terminate_ends_a_run_well_with_a_response_of_its_own() -> None:
    end = "{ref: end, type: terminate, with: {response: {status: 404, body: gone}}}"

    outcome = await Bench().run(compiled(WEBHOOK, end, CALL_A))

    assert isinstance(outcome, outcomes.Finished)
    assert outcome.response is not None
    assert (outcome.response.status, outcome.response.body) == (404, "gone")
    assert [step.ref for step in outcome.steps] == ["web1", "end"]


async def test_terminate_without_a_response_answers_as_the_webhook_says() -> None:
    outcome = await Bench().run(
        compiled("{ref: web1, type: webhook, with: {response: {status: 202}}}", "{ref: end, type: terminate}")
    )

    assert isinstance(outcome, outcomes.Finished)
    assert outcome.response is not None
    assert outcome.response.status == 202


async def test_terminate_ends_a_run_in_an_error() -> None:
    end = '{ref: end, type: terminate, with: {status: error, message: "no {{ web1.id }}", response: {status: 409}}}'

    outcome = await Bench().run(compiled(WEBHOOK, end))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error == messages.RunError(code="terminated", message="no 7", step="end")
    assert outcome.response is not None
    assert outcome.response.status == 409


async def test_terminate_in_a_branch_ends_the_whole_run() -> None:
    check = "{ref: c, type: if, with: {a: 1, op: equal, b: 1}, then: [{ref: end, type: terminate}]}"

    outcome = await Bench().run(compiled(WEBHOOK, check, CALL_A))

    assert isinstance(outcome, outcomes.Finished)
    assert [step.ref for step in outcome.steps] == ["web1", "c", "end"]


# --- journal ---------------------------------------------------------------------------------------------------------


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


# --- waits -----------------------------------------------------------------------------------------------------------

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


# --- limits and orders -----------------------------------------------------------------------------------------------


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
