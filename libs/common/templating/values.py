"""The values in a template: what they are called, weigh, look like as text, and become when they leave it."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from jinja2 import StrictUndefined, Undefined

from libs.common import errors
from libs.common.templating import budget

FAILED: Final = "template_error"
DEEPEST: Final = 100
# What Python turns into text (4,300 digits) and JSON's reader lets in (4,300 characters, so a sign costs a digit).
LEAST_INT: Final = 1 - 10**4299
MOST_INT: Final = 10**4300 - 1

_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(None), "null"),
    (bool, "a boolean"),
    ((int, float), "a number"),
    (str, "a text"),
    (Mapping, "an object"),
    ((list, tuple, range), "a list"),
    ((datetime, date), "a date"),
    (Undefined, "an undefined value"),
)


def failed(message: str) -> errors.TemplateError:
    """Return the error of a template that asks for what cannot be done."""
    return errors.TemplateError(FAILED, message)


def kind(value: Any) -> str:
    """Return what a person calls a value, never its class."""
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "a function" if callable(value) else "a value that only lives inside a template"


def weight(value: Any, depth: int = 0) -> int:
    """Return how many characters and elements a value has when all of it is written out.

    What a container weighs is remembered while the rendering goes on: none can be changed. `TemplateError` where it is
    more than the whole budget, so a list that holds another one twice cannot be doubled for long.
    """
    if isinstance(value, str):
        return len(value) + 1
    if not isinstance(value, (list, tuple, dict)):
        return 1
    account = budget.current()
    known = account.weights.get(id(value))
    if known is not None:
        return known[0]
    if depth > DEEPEST:
        raise failed(f"a value is nested deeper than {DEEPEST} levels")
    total = 1 + len(value)
    for item in value:
        total += weight(item, depth + 1)
    if isinstance(value, dict):
        for item in value.values():
            total += weight(item, depth + 1)
    remember(value, admit(total))
    return total


def admit(total: int) -> int:
    """Return this weight of a container; `TemplateError` where no container may weigh so much."""
    account = budget.current()
    account.spend(0)
    if total > account.limits.output_chars:
        raise budget.exhausted(f"holds a value of more than {account.limits.output_chars} characters", "Hold less")
    return total


def remember(value: Any, total: int) -> Any:
    """Note what a container weighs, so that it need not be weighed again, and return it."""
    budget.current().weights[id(value)] = total, value
    return value


def text(value: Any) -> str:
    """Return a value as Jinja writes it, counted; a date as ISO 8601."""
    if type(value) is str:
        written = value
    elif value is None or isinstance(value, (bool, int, float)):
        written = _number_text(value)
    elif isinstance(value, (str, date, Undefined)):
        written = plain(value)
    else:
        budget.current().room_for(weight(value))
        written = str(plain(value))
    budget.spend(0, len(written))
    return written


def _number_text(value: Any) -> str:
    return str(checked_number(value))


def checked_number(value: Any) -> Any:
    """Return a number that is short enough to be written; anything but an int as it is."""
    if isinstance(value, int) and not LEAST_INT <= value <= MOST_INT:
        raise failed("a number has more than 4,300 digits, its sign counted as one")
    return value


def plain(value: Any) -> Any:
    """Return a value as JSON has it, the same object where nothing had to change; its size is counted.

    Tuples, ranges and views become lists, dates ISO 8601, an inline `if` without `else` an empty text. `TemplateError`
    for a function, an undefined name, a number that JSON cannot hold, half a surrogate pair.
    """
    budget.spend(0, weight(value))
    return uncounted(value)


def uncounted(value: Any, depth: int = 0) -> Any:
    """Return what `plain` does, for a value whose weight has been looked at."""
    kind_of = type(value)
    if kind_of is str:
        return _whole_text(value)
    if value is None or kind_of is bool:
        return value
    if kind_of is int:
        return checked_number(value)
    if kind_of is float:
        return _finite(value)
    if depth > DEEPEST:
        raise failed(f"a value is nested deeper than {DEEPEST} levels")
    if kind_of is dict:
        return _plain_dict(value, depth)
    if kind_of is list:
        return _plain_list(value, depth)
    return _made_plain(value, depth)


def _whole_text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise failed("a text holds half a surrogate pair, which no encoding can carry") from None
    return value


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise failed("a number is infinite or not a number, which JSON cannot hold")
    return value


def _plain_list(value: list[Any], depth: int) -> list[Any]:
    changed = None
    for index, item in enumerate(value):
        became = uncounted(item, depth + 1)
        if became is not item:
            changed = list(value) if changed is None else changed
            changed[index] = became
    return value if changed is None else changed


def _plain_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    became = {_key(key): uncounted(item, depth + 1) for key, item in value.items()}
    same = all(type(key) is str for key in value) and all(became[key] is item for key, item in value.items())
    return value if same else became


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if key is None or isinstance(key, (bool, int, float)):
        return text(key)
    raise failed(f"{kind(key)} cannot be a key of an object; use a text")


def _made_plain(value: Any, depth: int) -> Any:
    match value:
        case StrictUndefined():
            str(value)  # raises, and says what is there
        case Undefined():
            return ""
        case str():
            return _whole_text(str(value))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case bool() | int() | float():
            return uncounted(value.real)
        case Mapping():
            return _plain_dict(dict(value), depth)
        case tuple() | range():
            return _plain_list(counted_list(value), depth)
    if type(value) in _VIEWS:
        return _plain_list(counted_list(value), depth)
    raise failed(f"the result is or holds {kind(value)}, which is no data; call it, or name a value instead")


_VIEWS: Final[tuple[type, ...]] = (type({}.keys()), type({}.values()), type({}.items()))


def counted_list(items: Iterable[Any]) -> list[Any]:
    """Return the items as a list, each of which is a step."""
    try:
        budget.spend(len(items))  # type: ignore[arg-type]  # what has no length is counted below
    except TypeError:
        return list(_counted(items))
    return list(items)


def _counted(items: Iterable[Any]) -> Iterable[Any]:
    spend = budget.current().spend
    for item in items:
        spend(1)
        yield item
