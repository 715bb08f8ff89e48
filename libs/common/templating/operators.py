"""`+ - * / // % **`, bounded: numbers of at most 4,300 digits, texts and lists within the budget."""

import operator
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from jinja2 import Undefined

from libs.common.templating import budget, values

Operator = Callable[[Any, Any], Any]

_NUMBERS: Final = (int, float)
_PLAIN: Final[dict[str, Operator]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
SYMBOLS: Final = frozenset(_PLAIN)


def apply(symbol: str, left: Any, right: Any) -> Any:
    """Return `left symbol right`; `TemplateError` where the two do not fit or the result would not."""
    budget.spend(0)
    if isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS):
        return _numbers(symbol, left, right)
    if isinstance(left, Undefined) or isinstance(right, Undefined):
        return _PLAIN[symbol](left, right)  # raises, and says what is there
    if symbol == "+":
        return _joined(left, right)
    if symbol == "*":
        return _repeated(left, right)
    if symbol == "-" and isinstance(left, datetime) and isinstance(right, datetime):
        return left - right
    raise _misfit(symbol, left, right)


def _numbers(symbol: str, left: Any, right: Any) -> Any:
    if symbol == "**":
        _bound_power(left, right)
    return values.checked_number(_PLAIN[symbol](left, right))


def _bound_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int):
        bits = max(1, abs(base)).bit_length() - 1  # 0 for -1, 0 and 1, whose powers stay small
        if bits * abs(exponent) > values.MOST_INT.bit_length():
            raise values.failed("a number would have more than 4,300 digits")


def _joined(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        budget.spend(0, len(left) + len(right))
        return left + right
    for sequence in (list, tuple):
        if isinstance(left, sequence) and isinstance(right, sequence):
            return _chained(left, right)
    if isinstance(left, datetime) and isinstance(right, timedelta):
        return left + right
    raise _misfit("+", left, right)


def _chained(left: Any, right: Any) -> Any:
    budget.spend(len(left) + len(right))
    total = values.admit(values.weight(left) + values.weight(right))
    return values.remember(left + right, total)


def _repeated(left: Any, right: Any) -> Any:
    if isinstance(left, int):
        left, right = right, left
    if isinstance(right, int):
        times = max(0, right)
        if isinstance(left, str):
            budget.current().room_for(len(left) * times)
            budget.spend(0, len(left) * times)
            return left * times
        if isinstance(left, (list, tuple)):
            budget.spend(len(left) * times)
            total = values.admit(1 + values.weight(left) * times)
            return values.remember(left * times, total)
    raise _misfit("*", left, right)


def _misfit(symbol: str, left: Any, right: Any) -> Exception:
    if symbol == "+" and (isinstance(left, str) or isinstance(right, str)):
        advice = "; `~` joins values as text"
    elif symbol == "%" and isinstance(left, str):
        advice = "; formatting texts by `%` is not there, `~` joins values"
    else:
        advice = ""
    return values.failed(f"`{symbol}` does not work on {values.kind(left)} and {values.kind(right)}{advice}")
