"""Which attributes and methods exist in a template: those named here and no others, by the type of their holder.

Keys of objects are data and not spoken of here. A method that changes its holder is never in the list, nor one that
formats (`format`, `format_map`, `expandtabs`, `center`, `zfill` …), since a few characters make it fill the memory.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from jinja2.runtime import LoopContext, Macro
from jinja2.utils import Cycler, Joiner, Namespace


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


TEXT: Final = _words(
    "capitalize casefold count endswith find index join lower lstrip partition removeprefix removesuffix replace",
    "rfind rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper",
    "isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper",
)
_LOOP: Final = _words(
    "index index0 revindex revindex0 first last length depth depth0 previtem nextitem changed cycle",
)
_DATE: Final = _words(
    "year month day hour minute second microsecond date isoformat strftime timestamp weekday isoweekday",
)

_ALLOWED: Final[tuple[tuple[type | tuple[type, ...], frozenset[str]], ...]] = (
    (str, TEXT),
    (Mapping, frozenset({"get", "items", "keys", "values"})),
    ((list, tuple), frozenset({"count", "index", "grouper", "list"})),  # the last two are those of `groupby`
    (LoopContext, _LOOP),
    (Cycler, frozenset({"current", "next", "reset"})),
    (Macro, frozenset({"name"})),
    ((date, time), _DATE),
    (timedelta, frozenset({"days", "seconds", "total_seconds"})),
    (float, frozenset({"is_integer"})),
    (Joiner, frozenset()),
)


def is_allowed(holder: Any, name: str) -> bool:
    """Return whether a template may use this attribute of this value."""
    if type(holder) is Namespace:
        return True  # it holds what the template put there, and gives nothing else
    return any(isinstance(holder, types) and name in names for types, names in _ALLOWED)


def is_date_format(holder: Any, name: str) -> bool:
    """Return whether this is `strftime`, whose language can ask for any width."""
    return isinstance(holder, (date, datetime, time)) and name == "strftime"
