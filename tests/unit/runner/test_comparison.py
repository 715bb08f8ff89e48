from typing import Any

import pytest

from libs.common import errors
from services.runner.steps.comparison import compare


@pytest.mark.parametrize(
    ("a", "op", "b", "expected"),
    [
        (1, "equal", "1", True),
        ("1.0", "equal", 1, True),
        (" 2 ", "equal", 2, True),
        (0.1, "equal", "0.1", True),
        (True, "equal", 1, False),
        (None, "equal", None, True),
        (None, "equal", "", False),
        ("a", "equal", "a", True),
        ("a", "not_equal", "b", True),
        ([1], "equal", [1], True),
        ({"a": 1}, "not_equal", {"a": 2}, True),
        ("1_0", "equal", 10, False),
        ("nan", "equal", "nan", True),
        (101, "greater", "100", True),
        ("9", "greater", "10", False),
        ("9", "smaller", "10", True),
        (10**30, "greater", 10**30 - 1, True),
        (100, "greater_equal", 100, True),
        (100, "smaller_equal", 99, False),
        ("2026-01-02", "greater", "2026-01-01", True),
        ("2026-01-01T12:00:00+02:00", "equal", "2026-01-01T10:00:00Z", True),
        ("2026-01-01T12:00:00", "smaller", "2026-01-01T12:00:01Z", True),
        ("abc", "string_is", "abc", True),
        (1, "string_is", "1", True),
        (True, "string_is", "true", True),
        ("abc", "string_begins", "ab", True),
        ("abc", "string_ends", "bc", True),
        ("abc", "string_includes", "b", True),
        ("abc", "string_includes", "x", False),
        (0, "exists", None, True),
        (False, "exists", None, True),
        ([], "exists", None, True),
        (None, "exists", None, False),
        ("", "exists", None, False),
    ],
)
def test_two_values_compare(a: Any, op: str, b: Any, expected: bool) -> None:
    assert compare(op, a, b) is expected


@pytest.mark.parametrize(("a", "b"), [("a", 1), (None, 1), ([1], [2]), (True, 0), ("2026-01-01", 5)])
def test_what_has_no_order_is_an_error(a: Any, b: Any) -> None:
    with pytest.raises(errors.StepError, match="have no order"):
        compare("greater", a, b)


def test_what_is_no_text_has_no_beginning() -> None:
    with pytest.raises(errors.StepError, match="a list is no text"):
        compare("string_begins", ["a"], "a")


@pytest.mark.parametrize("op", ["like", None, 1])
def test_an_unknown_comparison_is_an_error(op: Any) -> None:
    with pytest.raises(errors.StepError, match="op must be one of equal"):
        compare(op, 1, 1)
