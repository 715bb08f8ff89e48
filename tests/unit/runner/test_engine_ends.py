"""How a run ends: failures, `terminate`, responses."""

import pytest

from libs.common import messages
from services.runner import engine, outcomes
from tests.unit.runner import fakes, requests
from tests.unit.runner.flows import CALL_A, CALL_B, WEBHOOK, Bench, compiled, failing, outputs


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


async def test_what_nobody_has_thought_of_ends_the_run_instead_of_going_round() -> None:
    bench = Bench()
    bench.http.answers = lambda _: {"unreadable": -(10**4299)}  # one digit too many to be read again

    outcome = await bench.run(compiled(WEBHOOK, CALL_A, CALL_B))

    assert isinstance(outcome, outcomes.Failed)
    assert outcome.error.code == "internal"
    assert len(bench.http.calls) == 1


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
