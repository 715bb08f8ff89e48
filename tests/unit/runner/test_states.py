"""The page is what is expected: the table in the code is compared with it, pair by pair."""

import itertools
from pathlib import Path

import pytest

from libs.common import messages
from services.runner import outcomes, states
from services.runner.states import Event, State

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "run-states.md"


def read_page() -> dict[tuple[State, Event], State]:
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
        for line in PAGE.read_text().splitlines()
        if line.startswith("|") and "---" not in line
    ]
    before = [State(name) for name in rows[0][1:-1]]
    return {
        (state, Event(row[0])): State(after)
        for row in rows[1:]
        for state, after in zip(before, row[1:-1], strict=True)
        if after
    }


EXPECTED = read_page()


def test_the_page_names_every_event() -> None:
    assert {event for _, event in EXPECTED} == set(Event)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_what_follows_is_what_the_page_says(state: State, event: Event) -> None:
    expected = EXPECTED.get((state, event))

    if expected is None:
        with pytest.raises(states.ImpossibleEvent):
            states.after(state, event)
    else:
        assert states.after(state, event) is expected


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (outcomes.Finished((), 1), State.SUCCESS),
        (outcomes.Failed((), 1, messages.RunError(code="x", message="y")), State.ERROR),
        (outcomes.Cancelled((), 1), State.CANCELLED),
        (outcomes.Parked(1, "waiting"), State.WAITING),
        (outcomes.Parked(1, "retrying"), State.RETRYING),
        (outcomes.Parked(1, "queued"), State.QUEUED),
        (outcomes.Interrupted(), State.QUEUED),
        (outcomes.Lost(), State.QUEUED),
    ],
)
def test_every_outcome_of_an_execution_is_an_event_of_its_run(outcome: outcomes.Executed, expected: State) -> None:
    assert states.after(State.RUNNING, states.event_of(outcome)) is expected
