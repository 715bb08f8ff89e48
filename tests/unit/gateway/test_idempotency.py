"""What is done with a request whose key was sent before: every state of the key, with all that the record may know."""

from itertools import product
from typing import get_args

import pytest

from services.gateway.idempotency import PATIENCE_MS, Earlier, State, Verdict, decide

SAME, OTHER = b"same", b"other"
RUNNING = (None, "queued", "running", "waiting", "retrying")
NOT_WELL = ("error", "cancelled")


def earlier(
    state: State, *, age_ms: int = 0, kept: bool = False, status: str | None = None, recorded: bool = False
) -> Earlier:
    return Earlier("run", SAME, state, age_ms, kept, status, recorded)


# state, what the record says, the answer was kept -> verdict, and the verdict of whoever has waited for this run
TABLE = [
    ("sent", None, False, Verdict.WAIT, Verdict.WAIT),
    ("sent", None, True, Verdict.WAIT, Verdict.WAIT),
    ("sent", "running", False, Verdict.WAIT, Verdict.WAIT),
    ("sent", "running", True, Verdict.REPLAY, Verdict.REPLAY),
    ("sent", "success", False, Verdict.FORGOTTEN, Verdict.FORGOTTEN),
    ("sent", "success", True, Verdict.REPLAY, Verdict.REPLAY),
    ("sent", "error", False, Verdict.RUN, Verdict.FAILED),
    ("accepted", None, False, Verdict.WAIT, Verdict.WAIT),
    ("accepted", None, True, Verdict.REPLAY, Verdict.REPLAY),
    ("accepted", "retrying", False, Verdict.WAIT, Verdict.WAIT),
    ("accepted", "success", False, Verdict.FORGOTTEN, Verdict.FORGOTTEN),
    ("accepted", "error", True, Verdict.RUN, Verdict.FAILED),
    ("accepted", "cancelled", False, Verdict.RUN, Verdict.FAILED),
    ("unknown", None, False, Verdict.RUN, Verdict.RUN),
    ("unknown", None, True, Verdict.RUN, Verdict.RUN),
    ("unknown", "queued", False, Verdict.WAIT, Verdict.WAIT),
    ("unknown", "queued", True, Verdict.REPLAY, Verdict.REPLAY),
    ("unknown", "success", False, Verdict.FORGOTTEN, Verdict.FORGOTTEN),
    ("unknown", "error", False, Verdict.RUN, Verdict.FAILED),
    ("succeeded", None, False, Verdict.FORGOTTEN, Verdict.FORGOTTEN),
    ("succeeded", None, True, Verdict.REPLAY, Verdict.REPLAY),
    ("succeeded", "running", True, Verdict.REPLAY, Verdict.REPLAY),
    ("succeeded", "success", True, Verdict.REPLAY, Verdict.REPLAY),
    ("failed", None, True, Verdict.RUN, Verdict.FAILED),
    ("failed", "error", False, Verdict.RUN, Verdict.FAILED),
    ("refused", None, False, Verdict.RUN, Verdict.RUN),
]


@pytest.mark.parametrize(("state", "status", "kept", "at_once", "after_waiting"), TABLE)
def test_the_table(state: State, status: str | None, kept: bool, at_once: Verdict, after_waiting: Verdict) -> None:
    known = earlier(state, status=status, kept=kept)

    assert decide(known, SAME, awaited=False) is at_once
    assert decide(known, SAME, awaited=True) is after_waiting


EVERY = list(product(get_args(State), (*RUNNING, *NOT_WELL, "success"), (False, True), (False, True)))


@pytest.mark.parametrize(("state", "status", "kept", "awaited"), EVERY)
def test_another_request_is_refused_whatever_became_of_the_first(
    state: State, status: str | None, kept: bool, awaited: bool
) -> None:
    verdict = decide(earlier(state, status=status, kept=kept), OTHER, awaited=awaited)

    assert verdict is (Verdict.RUN if state == "refused" else Verdict.CONFLICT)


@pytest.mark.parametrize(("state", "status", "kept", "awaited"), EVERY)
def test_what_ended_in_an_error_is_never_replayed_and_what_ended_well_never_runs_again(
    state: State, status: str | None, kept: bool, awaited: bool
) -> None:
    verdict = decide(earlier(state, status=status, kept=kept), SAME, awaited=awaited)

    if state == "failed" or status in NOT_WELL:
        assert verdict in (Verdict.RUN, Verdict.FAILED)
    elif state != "refused" and "succe" in f"{state} {status}":
        assert verdict in (Verdict.REPLAY, Verdict.FORGOTTEN)


def test_a_run_that_shows_no_sign_of_life_was_never_published() -> None:
    assert decide(earlier("sent", age_ms=PATIENCE_MS), SAME, awaited=True) is Verdict.WAIT
    assert decide(earlier("sent", age_ms=PATIENCE_MS + 1), SAME, awaited=True) is Verdict.RUN
    assert decide(earlier("sent", age_ms=PATIENCE_MS + 1, status="queued"), SAME, awaited=True) is Verdict.WAIT
    assert decide(earlier("accepted", age_ms=86_000_000), SAME, awaited=True) is Verdict.WAIT


def test_a_whole_response_in_the_record_will_do_where_none_was_kept() -> None:
    assert decide(earlier("accepted", status="success", recorded=True), SAME, awaited=False) is Verdict.REPLAY_RECORD
    assert decide(earlier("succeeded", status="success", recorded=True), SAME, awaited=True) is Verdict.REPLAY_RECORD
