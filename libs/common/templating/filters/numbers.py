"""Filters over numbers."""

from typing import Any, Final

from jinja2 import Undefined
from jinja2 import filters as jinja

from libs.common.templating import values
from libs.common.templating.filters.guard import Entry

_MOST_DIGITS: Final = 100


def _number(value: Any, *_: Any, **__: Any) -> None:
    if not isinstance(value, (int, float, Undefined)):
        raise values.failed(f"{values.kind(value)} is no number; the filters `int` and `float` make one of a text")


def _rounding(value: Any, precision: Any = 0, method: Any = "common") -> None:
    _number(value)
    if isinstance(precision, bool) or not isinstance(precision, int) or abs(precision) > _MOST_DIGITS:
        raise values.failed(f"`round` takes a whole number of digits, at most {_MOST_DIGITS}")


def _int(value: Any, default: Any = 0, base: int = 10) -> Any:
    return values.checked_number(jinja.do_int(value, default, base))


FILTERS: Final = {
    "abs": Entry(abs, _number),
    "filesizeformat": Entry(jinja.do_filesizeformat),
    "float": Entry(jinja.do_float),
    "int": Entry(_int),
    "round": Entry(jinja.do_round, _rounding),
}
