"""The arithmetic of one window, sentence by sentence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.rate_window import Answer, Limit, Standing, Window

LIMIT = Limit(10, 300)
ENDS_AT = datetime(2026, 1, 1, tzinfo=UTC)


def answer(**changes: Any) -> Answer:
    values = {"granted": 1, "ahead": 0, "taken": 1, "ends_at": ENDS_AT, "left_ms": 300_000, "ahead_ms": 0}
    return Answer(**{**values, **changes})


def window(*answers: Answer) -> Window:
    """A window that has learned these at 100 seconds."""
    window = Window("192.0.2.1")
    for one in answers:
        window.learn(one, sent_s=100, now_s=100)
    return window


def test_a_window_that_is_not_known_admits_nothing_by_itself() -> None:
    assert not Window("192.0.2.1").spend(0)


def test_what_was_given_ahead_is_admitted_and_not_more() -> None:
    lent = window(answer(ahead=2, taken=3))

    assert [lent.spend(101) for _ in range(3)] == [True, True, False]


def test_what_was_given_ahead_is_void_when_the_window_ends() -> None:
    lent = window(answer(ahead=2, taken=3, left_ms=1000))

    assert not lent.spend(101)


def test_what_was_given_in_one_window_is_not_admitted_in_the_next() -> None:
    lent = window(answer(ahead=2, taken=3), answer(ahead=1, taken=2, ends_at=ENDS_AT + timedelta(seconds=300)))

    assert lent.unspent == 1


def test_the_end_is_known_to_lie_between_the_question_and_the_answer() -> None:
    late = Window("192.0.2.1")
    late.over = True
    late.learn(answer(granted=0, taken=10, left_ms=5000), sent_s=100, now_s=102)
    late.over = True

    assert late.is_over(104.9)
    assert not late.is_over(105)
    assert late.standing(LIMIT, 105, admitted=False).reset_s == 3


def test_a_second_answer_narrows_the_end() -> None:
    narrow = Window("192.0.2.1")

    narrow.learn(answer(left_ms=5000), sent_s=100, now_s=102)
    narrow.learn(answer(left_ms=4000), sent_s=101.5, now_s=101.6)

    assert narrow.ends_s == pytest.approx(105.499)
    assert narrow.reset_s == pytest.approx(105.6)


@pytest.mark.parametrize(
    ("now_s", "admitted", "expected"),
    [
        (100, True, Standing(True, 7, 300)),
        (100, False, Standing(False, 0, 300)),
        (100.5, False, Standing(False, 0, 300)),
        (399.05, True, Standing(True, 7, 1)),
        (399.05, False, Standing(False, 0, 2)),  # clocks drift apart in a window
        (399.99, False, Standing(False, 0, 1)),
        (400, True, Standing(True, 10, 300)),
    ],
)
def test_a_sender_is_told_what_is_left_and_when_all_is_there_again(
    now_s: float, admitted: bool, expected: Standing
) -> None:
    counted = window(answer(granted=3, taken=3))

    assert counted.standing(LIMIT, now_s, admitted=admitted) == expected


def test_what_was_given_ahead_is_still_left_to_the_sender() -> None:
    lent = window(answer(ahead=4, taken=5))

    before = lent.standing(LIMIT, 100, admitted=True).remaining
    lent.spend(100)

    assert (before, lent.standing(LIMIT, 100, admitted=True).remaining) == (9, 8)


@pytest.mark.parametrize(
    ("pace", "spent", "unspent", "wished"),
    [
        (0, 0, 0, 0),
        (0, 1, 0, 0),  # a quiet address is asked for each time
        (0, 2, 0, 4),
        (20, 0, 15, 25),
        (20, 30, 15, 45),
        (3, 0, 40, 0),  # given back instead
        (5000, 0, 24, 1000),
    ],
)
def test_a_busy_address_wishes_for_what_two_flushes_need(pace: int, spent: int, unspent: int, wished: int) -> None:
    busy = window(answer(granted=0, ahead=unspent))
    busy.pace, busy.spent = pace, spent

    assert busy.wish(100) == wished


def test_near_its_end_and_over_its_limit_an_address_wishes_for_nothing() -> None:
    busy = window(answer(granted=5, left_ms=1000))

    near_the_end = busy.wish(100.95)
    busy.over = True

    assert (near_the_end, busy.wish(100)) == (0, 0)


def test_what_is_surrendered_is_not_admitted_any_more() -> None:
    lent = window(answer(ahead=4, taken=5))

    assert (lent.surrender(), lent.taken, lent.spend(100)) == (4, 1, False)


def test_alone_a_gateway_goes_on_from_what_it_knows() -> None:
    known = window(answer(granted=0, taken=8))

    admitted = [known.count_alone(LIMIT, 101) for _ in range(4)]

    assert admitted == [True, True, False, False]
    assert (known.owes(101), known.owes(400)) == (2, 0)


def test_alone_a_window_begins_with_the_first_request_and_ends() -> None:
    alone = Window("192.0.2.1")

    first = [alone.count_alone(LIMIT, 50) for _ in range(11)]
    then = [alone.count_alone(LIMIT, at_s) for at_s in (349.9, 350)]

    assert first == [True] * 10 + [False]
    assert then == [False, True]
    assert alone.owes(350) == 1


def test_the_fields_are_those_of_the_draft() -> None:
    assert LIMIT.policy == '"default";q=10;w=300'
    assert Standing(True, 7, 31).field == '"default";r=7;t=31'
