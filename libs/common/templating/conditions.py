"""What may stand behind `is`: Jinja's tests, without those that Python's `%` would turn into text formatting."""

from collections.abc import Callable
from typing import Any, Final, cast

from jinja2 import Undefined
from jinja2.tests import TESTS

from libs.common.templating import values


def _remainder(value: Any, divisor: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is there
    if not isinstance(value, (int, float)) or not isinstance(divisor, (int, float)):
        raise values.failed(f"{values.kind(value)} is neither odd nor even: a number is")
    return value % divisor


_OWN: Final[dict[str, Callable[..., Any]]] = {
    "odd": lambda value: _remainder(value, 2) == 1,
    "even": lambda value: _remainder(value, 2) == 0,
    "divisibleby": lambda value, number: _remainder(value, number) == 0,
}
PUBLIC: Final[dict[str, Callable[..., Any]]] = {**cast(dict[str, Any], TESTS), **_OWN}
