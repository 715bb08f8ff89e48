"""What a batch leaves behind. Which events count, and who may execute a run, is tested with `leases`."""

import msgspec

from libs.common import ids, messages
from services.debugger import folding, leases, records
from tests import factories

NOW = factories.NOW_MS
AT_MS = NOW + 10_000
Runs = dict[str, records.RunRecord]


def fold(*items: folding.Item, runs: Runs | None = None, at_ms: int = AT_MS) -> tuple[Runs, folding.Consequences]:
    runs = {} if runs is None else runs
    return runs, folding.fold(runs, items, at_ms)


def only(runs: Runs) -> records.RunRecord:
    (run,) = runs.values()
    return run


def status(run: records.RunRecord) -> str:
    assert run.state is not None
    return run.state.status


def test_a_request_and_its_result_make_a_run_that_has_ended() -> None:
    request = factories.run_request()

    runs, _ = fold(request, factories.result(request.run_id, steps=(factories.step(),)))

    run = only(runs)
    assert status(run) == "success"
    assert run.request == request
    assert run.finished_at_ms == NOW + 25
    assert [step.path for _, step in run.steps.values()] == ["steps[1]"]


def test_a_result_may_overtake_its_request() -> None:
    request = factories.run_request()

    runs, _ = fold(factories.result(request.run_id), request)

    run = only(runs)
    assert status(run) == "success"
    assert run.request == request
    assert run.received_at_ms == request.received_at_ms
    assert run.journal == {}


def test_a_run_that_is_known_by_a_result_only_was_accepted_when_its_id_was_made() -> None:
    run_id = ids.new_id()

    runs, _ = fold(factories.result(run_id))

    assert only(runs).received_at_ms == ids.made_at_ms(run_id)


def test_an_ended_run_is_not_changed_by_what_comes_later() -> None:
    request = factories.run_request()
    events = (
        factories.started(request.run_id, attempt=2),
        factories.parked(request.run_id, attempt=3),
        factories.result(request.run_id, attempt=4, status="error"),
    )

    runs, _ = fold(request, factories.result(request.run_id), *events)

    assert status(only(runs)) == "success"
    assert only(runs).steps == {}


def test_a_reply_is_noted_though_the_run_has_ended_and_only_once() -> None:
    request = factories.run_request()
    first, second = (messages.Replied(run_id=request.run_id, status=200, reply_ms=ms) for ms in (7, 9))

    runs, _ = fold(request, factories.result(request.run_id), first, second)

    assert (only(runs).reply_status, only(runs).reply_ms) == (200, 7)


def test_the_first_start_is_the_start() -> None:
    request = factories.run_request()

    runs, _ = fold(
        request,
        factories.started(request.run_id, at_ms=NOW + 5),
        factories.result(request.run_id, started_at_ms=NOW + 100),
    )

    assert only(runs).started_at_ms == NOW + 5


def test_a_step_that_is_finished_stays_so_and_keeps_its_place() -> None:
    request = factories.run_request()
    waiting = factories.step("steps[1]", status="waiting")
    done, other = factories.step("steps[1]"), factories.step("steps[2]")

    runs, _ = fold(
        request,
        factories.steps_done(request.run_id, waiting, other),
        factories.steps_done(request.run_id, done),
        factories.steps_done(request.run_id, waiting),
    )

    assert only(runs).steps == {("steps[1]", 1): (0, done), ("steps[2]", 1): (1, other)}


def test_the_journal_is_exact() -> None:
    request = factories.run_request()
    step = factories.step(output=msgspec.Raw(b'{"headers":{"authorization":"secret"},"n":12345678901234567890123}'))

    runs, _ = fold(request, factories.steps_done(request.run_id, step))

    assert msgspec.json.decode(only(runs).journal["steps[1]"], type=messages.Step).output == step.output
    assert messages.decode("run/1", only(runs).journal[""]) == request


def test_a_claim_is_answered_with_all_that_stood_before_it() -> None:
    request = factories.run_request()
    step = factories.step()
    claim = factories.claim(request.run_id)

    _, told = fold(request, factories.started(request.run_id), factories.steps_done(request.run_id, step), claim)

    ((runner_id, answer),) = told.answers
    assert runner_id == "runner-1"
    assert (answer.verdict, answer.attempt, answer.nonce) == ("go", 2, claim.nonce)
    assert answer.request == request
    assert answer.journal == (step,)
    assert answer.now_ms == NOW + 5


def test_a_claim_that_brings_the_request_of_an_unknown_run_is_granted() -> None:
    request = factories.run_request(must_claim=True)

    runs, told = fold(factories.claim(request.run_id, request=request))

    assert told.answers[0][1].verdict == "go"
    assert told.answers[0][1].request == request
    assert only(runs).request == request


def test_a_claim_of_which_nothing_is_known_is_dropped_and_leaves_nothing() -> None:
    runs, told = fold(factories.claim(ids.new_id()))

    assert told.answers[0][1].verdict == "drop"
    assert not only(runs).changed


def test_what_a_superseded_attempt_says_leaves_nothing() -> None:
    request = factories.run_request()

    runs, _ = fold(
        request,
        factories.claim(request.run_id),
        factories.steps_done(request.run_id, factories.step(), attempt=1),
        factories.result(request.run_id, attempt=1),
    )

    assert status(only(runs)) == "queued"
    assert only(runs).steps == {}
    assert set(only(runs).journal) == {""}


def test_a_run_that_loses_its_last_runner_ends_and_its_gateway_is_told() -> None:
    request = factories.run_request(reply_to="gateway-7")
    state = leases.RunState(known=True, status="running", attempt=6, holder="m", announced=True, lost=4)
    runs = {request.run_id: records.RunRecord(request.run_id, state, stored=True, reply_to="gateway-7")}

    _, told = fold(factories.claim(request.run_id, message_id="m"), runs=runs)

    ((gateway_id, result),) = told.ends
    assert told.answers[0][1].verdict == "drop"
    assert gateway_id == "gateway-7"
    assert (result.status, result.error) == ("error", records.CRASHED)
    assert (status(only(runs)), only(runs).finished_at_ms) == ("error", AT_MS)


def test_a_dead_run_ends_and_the_same_news_is_told_again() -> None:
    request = factories.run_request()
    dead = messages.Dead(run_id=request.run_id, reason="too often", request=request)

    runs, told = fold(dead, dead)

    assert status(only(runs)) == "error"
    assert [gateway_id for gateway_id, _ in told.ends] == ["gateway-1", "gateway-1"]


def test_the_death_of_a_run_that_has_ended_changes_nothing() -> None:
    request = factories.run_request()
    dead = messages.Dead(run_id=request.run_id, reason="too often")

    runs, told = fold(request, factories.result(request.run_id), dead)

    assert status(only(runs)) == "success"
    assert told.ends == []


def test_a_journal_that_no_message_can_hold_ends_the_run() -> None:
    request = factories.run_request()
    large = factories.step(output=factories.raw("x" * (12 * 1024 * 1024)))

    runs, told = fold(request, factories.steps_done(request.run_id, large), factories.claim(request.run_id))

    assert told.answers[0][1].verdict == "drop"
    assert only(runs).error == records.TOO_LARGE
    assert told.ends[0][1].error == records.TOO_LARGE


def test_a_sign_of_life_takes_back_the_sweep_and_a_park_the_waking() -> None:
    request = factories.run_request()
    state = leases.RunState(known=True, status="queued", attempt=2)
    run = records.RunRecord(request.run_id, state, stored=True, swept_at_ms=NOW, woken_at_ms=NOW)

    fold(factories.parked(request.run_id, attempt=2), runs={request.run_id: run})

    assert (run.swept_at_ms, run.woken_at_ms, run.seen_at_ms) == (None, None, AT_MS)


def test_marks_are_handed_on_and_leave_no_run() -> None:
    runs, told = fold(messages.Mark(run_id="mark-1"))

    assert told.marks == ["mark-1"]
    assert runs == {}
