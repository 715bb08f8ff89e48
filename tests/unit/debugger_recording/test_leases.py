"""Each sentence of claim and fence, one by one; how they play together is the model's (`test_protocol_model`)."""

from typing import Any

import pytest

from libs.common import messages
from services.debugger import leases

RUN = "01976b2e-0000-7000-8000-000000000001"
NOW = 1_000_000
State = leases.RunState

REQUEST = messages.RunRequest(
    run_id=RUN,
    flow_id="f",
    flow_name="f",
    flow_version=1,
    document=messages.NULL,
    mode="async",
    lane=0,
    trigger=messages.Trigger(kind="webhook"),
    received_at_ms=0,
    input=messages.NULL,
)
HELD = State(known=True, seen=True, status="running", attempt=2, holder="m", nonce="n1", nonces=("n1",), announced=True)
PARKED = State(known=True, seen=True, status="waiting", attempt=2, released=True, parked_until_ms=NOW + 1)


def claim(nonce: str = "n9", message_id: str = "m", **given: Any) -> messages.Claim:
    return messages.Claim(run_id=RUN, message_id=message_id, nonce=nonce, runner_id="r", at_ms=0, **given)


def started(attempt: int) -> messages.Started:
    return messages.Started(run_id=RUN, attempt=attempt, at_ms=1, now_ms=7, runner_id="r")


def parked(attempt: int, status: messages.ParkStatus = "waiting") -> messages.Parked:
    return messages.Parked(run_id=RUN, attempt=attempt, until_ms=NOW + 5, status=status)


def handed_back(attempt: int) -> messages.HandedBack:
    return messages.HandedBack(run_id=RUN, attempt=attempt, now_ms=7)


def result(attempt: int) -> messages.Result:
    return messages.Result(
        run_id=RUN, attempt=attempt, status="success", started_at_ms=1, finished_at_ms=2, queued_ms=0, run_ms=1
    )


def of(state: State | None) -> State:
    assert state is not None
    return state


# --- claims ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "asked", "verdict"),
    [
        pytest.param(State(known=True), claim(), "go", id="nobody holds it"),
        pytest.param(HELD, claim(), "go", id="the message that holds it has come again"),
        pytest.param(HELD, claim(message_id="x"), "drop", id="another message holds it"),
        pytest.param(HELD, claim(message_id="x", replaces=messages.Holder("m", 2)), "go", id="the pair it replaces"),
        pytest.param(HELD, claim(message_id="x", replaces=messages.Holder("m", 1)), "drop", id="an older attempt"),
        pytest.param(HELD, claim(message_id="x", replaces=messages.Holder("y", 2)), "drop", id="another holder"),
        pytest.param(HELD, claim(message_id="x", replaces_nonce="n1"), "go", id="the claim whose place it takes"),
        pytest.param(HELD, claim(message_id="x", replaces_nonce="n0"), "drop", id="a claim that was not granted last"),
        pytest.param(PARKED, claim(), "drop", id="parked until later"),
        pytest.param(State(known=True, status="success"), claim(), "drop", id="ended"),
        pytest.param(None, claim(request=REQUEST), "go", id="unknown, but the claimant has the request"),
        pytest.param(None, claim(), "drop", id="unknown to everybody"),
    ],
)
def test_a_claim_is_granted_to_whom_the_run_belongs(state: State | None, asked: messages.Claim, verdict: str) -> None:
    assert leases.decide(state, asked, NOW).verdict == verdict


def test_an_unclaimed_run_counts_as_attempt_1() -> None:
    granted = of(leases.decide(State(known=True), claim(), NOW).state)

    assert (granted.attempt, granted.holder, granted.announced) == (2, "m", False)


def test_a_wait_that_is_over_can_be_claimed() -> None:
    decision = leases.decide(PARKED, claim(), NOW + 1)

    assert decision.verdict == "go"
    assert of(decision.state).parked_until_ms is None


def test_the_same_nonce_gets_the_same_answer_while_its_grant_is_the_latest() -> None:
    granted = leases.decide(State(known=True), claim("n1"), NOW).state

    again = leases.decide(granted, claim("n1"), NOW)

    assert again == leases.Decision("go", granted)


def test_an_old_nonce_takes_nothing_from_a_later_grant() -> None:
    first = leases.decide(State(known=True), claim("n1"), NOW).state
    second = leases.decide(first, claim("n2"), NOW).state

    assert leases.decide(second, claim("n1"), NOW) == leases.Decision("drop", second)


def test_a_claim_that_was_dropped_stays_dropped() -> None:
    dropped = leases.decide(PARKED, claim("n1"), NOW)

    assert leases.decide(dropped.state, claim("n1"), NOW + 10).verdict == "drop"


def test_nonces_are_not_remembered_without_end() -> None:
    state: State | None = State(known=True)

    for number in range(2 * leases.NONCES_KEPT):
        state = leases.decide(state, claim(f"n{number}"), NOW).state

    assert len(of(state).nonces) <= leases.NONCES_KEPT + 1


# --- lost runners ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "lost"),
    [
        pytest.param(HELD, 1, id="announced and superseded"),
        pytest.param(of(leases.decide(State(known=True), claim("n1"), NOW).state), 0, id="granted, never begun"),
        pytest.param(leases.apply(State(known=True), started(1)).state, 0, id="the first one, which asked nobody"),
        pytest.param(leases.apply(HELD, handed_back(2)).state, 0, id="handed back"),
        pytest.param(leases.apply(HELD, parked(2, "queued")).state, 0, id="parked"),
    ],
)
def test_lost_are_superseded_attempts_that_had_begun(state: State, lost: int) -> None:
    assert of(leases.decide(state, claim("n9"), NOW + 10).state).lost == lost


def twice_lost(lost: int = 1) -> State:
    return State(known=True, attempt=3, holder="m", nonce="n2", nonces=("n2",), announced=True, lost=lost)


@pytest.mark.parametrize(
    ("state", "asked", "redelivered"),
    [
        pytest.param(HELD, claim(), 1, id="superseded"),
        pytest.param(leases.apply(State(known=True), started(1)).state, claim(), 1, id="the first one, superseded"),
        pytest.param(State(known=True), claim(redelivered=True), 1, id="the first one, which may have begun"),
        pytest.param(State(known=True), claim(), 0, id="the first one, which nobody had"),
        pytest.param(leases.apply(HELD, handed_back(2)).state, claim(redelivered=True), 1, id="handed back"),
        pytest.param(leases.apply(HELD, parked(2)).state, claim(), 0, id="parked"),
        pytest.param(leases.apply(HELD, parked(2, "queued")).state, claim(), 0, id="parked for a moment"),
        pytest.param(PARKED, claim(redelivered=True), 0, id="parked, and its wake came again"),
    ],
)
def test_waits_do_not_count_as_redeliveries(state: State, asked: messages.Claim, redelivered: int) -> None:
    assert of(leases.decide(state, asked, NOW + 10).state).redelivered == redelivered


def test_an_answer_that_is_said_again_counts_once() -> None:
    granted = leases.decide(HELD, claim("n9"), NOW).state

    assert of(leases.decide(granted, claim("n9"), NOW).state).redelivered == 1


def test_what_has_lost_two_runners_must_come_from_the_suspects() -> None:
    decision = leases.decide(twice_lost(), claim(), NOW)

    assert decision.verdict == "suspect"
    assert of(decision.state).held == messages.Holder("m", 3)


def test_a_suspect_belongs_to_the_message_that_claimed_it_last() -> None:
    suspected = leases.decide(twice_lost(), claim("n9", "put off", replaces_nonce="n2"), NOW).state

    again = leases.decide(suspected, claim("n10", "put off", replaces_nonce="n2"), NOW)

    assert again.verdict == "suspect"
    assert of(again.state).held == messages.Holder("put off", 3)


def test_a_suspect_is_called_so_again() -> None:
    first = leases.decide(twice_lost(), claim(), NOW)

    assert leases.decide(first.state, claim(), NOW) == leases.Decision("suspect", first.state)


def test_the_suspect_s_own_message_takes_over() -> None:
    suspected = of(leases.decide(twice_lost(), claim(), NOW).state)

    decision = leases.decide(suspected, claim("s", "other", suspect=True, replaces=suspected.held), NOW)

    assert decision.verdict == "go"
    assert of(decision.state).lost == 2


def test_a_suspect_whose_answer_never_came_is_not_forgotten() -> None:
    suspected = leases.decide(twice_lost(), claim("n9"), NOW).state

    decision = leases.decide(suspected, claim("n10", "put off", replaces_nonce="n9"), NOW)

    assert decision.verdict == "suspect"


def test_a_run_that_has_lost_five_runners_ends() -> None:
    decision = leases.decide(twice_lost(4), claim(suspect=True), NOW)

    assert (decision.verdict, decision.crashed) == ("drop", True)
    assert of(decision.state).status == "error"


# --- the fence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [started(1), parked(1), handed_back(1), result(1)])
def test_what_comes_from_a_superseded_attempt_does_not_count(event: messages.Event) -> None:
    assert leases.apply(HELD, event) == leases.Applied(HELD, counts=False)


@pytest.mark.parametrize("last", [parked(2), handed_back(2)])
@pytest.mark.parametrize("event", [started(2), parked(2), handed_back(2), result(2)])
def test_an_attempt_that_has_let_go_is_over(last: messages.Event, event: messages.Event) -> None:
    over = leases.apply(HELD, last).state

    assert leases.apply(over, event) == leases.Applied(over, counts=False)


DEAD = messages.Dead(run_id=RUN, reason="came too often")


@pytest.mark.parametrize("status", sorted(leases.ENDED))
@pytest.mark.parametrize("event", [started(9), parked(9), handed_back(9), result(9), DEAD])
def test_what_has_ended_never_changes(status: leases.RunStatus, event: messages.Event) -> None:
    ended = State(known=True, status=status, attempt=2)

    assert leases.apply(ended, event) == leases.Applied(ended, counts=False)


# --- what events do --------------------------------------------------------------------------------------------------


def test_parking_lets_go_until_a_time_and_ends_the_frozen_clock() -> None:
    state = leases.apply(leases.apply(HELD, started(2)).state, parked(2)).state

    assert (state.status, state.holder, state.parked_until_ms, state.now_ms) == ("waiting", None, NOW + 5, None)


@pytest.mark.parametrize("event", [parked(2, "queued"), handed_back(2)])
def test_what_goes_on_at_once_keeps_the_frozen_clock(event: messages.Event) -> None:
    state = leases.apply(leases.apply(HELD, started(2)).state, event).state

    assert (state.status, state.holder, state.now_ms) == ("queued", None, 7)


def test_a_result_may_overtake_its_request() -> None:
    ended = leases.apply(None, result(1)).state

    assert (ended.status, ended.known) == ("success", False)
    assert leases.request_seen(ended).status == "success"


def test_a_dead_message_ends_a_run() -> None:
    assert leases.apply(State(known=True), DEAD).state.status == "error"


def test_a_refusal_is_no_sign_of_life() -> None:
    state = leases.apply(State(known=True), messages.Refused(run_id=RUN, at_ms=1)).state

    assert (state.refused, state.seen, state.status) == (True, False, "queued")
