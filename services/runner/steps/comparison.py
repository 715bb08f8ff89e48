"""The comparisons of `if`. Numbers compare also as text (`1` equals `"1"`), datetimes by their instant."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from libs.common import errors

Ordered = Decimal | datetime


def compare(op: Any, a: Any, b: Any) -> bool:
    """Return whether `a op b`; `StepError` for an unknown op or two values that have no order."""
    test = OPERATIONS.get(op) if isinstance(op, str) else None
    if test is None:
        raise errors.StepError("comparison", f"op must be one of {', '.join(OPERATIONS)}")
    return test(a, b)


def _equal(a: Any, b: Any) -> bool:
    pair = _ordered(a, b)
    if pair is not None:
        return pair[0] == pair[1]
    return type(a) is type(b) and bool(a == b)


def _order(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(a: Any, b: Any) -> bool:
        pair = _ordered(a, b)
        if pair is None:
            raise errors.StepError("comparison", f"{_kind(a)} and {_kind(b)} have no order: numbers or datetimes do")
        return test(*pair)

    return ordered


def _ordered(a: Any, b: Any) -> tuple[Ordered, Ordered] | None:
    """Return both as numbers or both as instants, or None where they are not both of one kind."""
    numbers = _number(a), _number(b)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0], numbers[1]
    instants = _instant(a), _instant(b)
    if instants[0] is not None and instants[1] is not None:
        return instants[0], instants[1]
    return None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and "_" in value:  # Python's own way to write digits
        return None
    try:
        number = Decimal(value if isinstance(value, int) else str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _instant(value: Any) -> datetime | None:
    """Return the instant of an ISO 8601 text or a datetime; without an offset it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def compared(a: Any, b: Any) -> bool:
        return test(_as_text(a), _as_text(b))

    return compared


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise errors.StepError("comparison", f"{_kind(value)} is no text")


def _kind(value: Any) -> str:
    names = {bool: "a boolean", dict: "an object", list: "a list", type(None): "null", str: "a text"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "this")


OPERATIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "equal": _equal,
    "not_equal": lambda a, b: not _equal(a, b),
    "greater": _order(lambda a, b: a > b),
    "smaller": _order(lambda a, b: a < b),
    "greater_equal": _order(lambda a, b: a >= b),
    "smaller_equal": _order(lambda a, b: a <= b),
    "string_is": _text(lambda a, b: a == b),
    "string_begins": _text(str.startswith),
    "string_ends": _text(str.endswith),
    "string_includes": _text(lambda a, b: b in a),
    "exists": lambda a, _: a is not None and a != "",
}
