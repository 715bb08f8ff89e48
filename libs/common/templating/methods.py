"""Calls of the methods of texts and dates, bounded."""

import re
from collections.abc import Callable
from typing import Any, Final

from jinja2 import Undefined

from libs.common.templating import budget, values

_SLOW_PRODUCT: Final = 20_000_000
_SEARCHED_BACKWARDS: Final = frozenset({"rfind", "rindex", "rpartition", "rsplit", "strip", "lstrip", "rstrip"})
_DATE_FORMAT: Final = re.compile(r"(?:[^%]|%[a-zA-Z%])*")


def of_text(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what a text's own method gives."""
    holder: str = method.__self__  # type: ignore[attr-defined]  # a bound method of str
    for argument in args:
        if isinstance(argument, Undefined):
            str(argument)  # raises, and says what is there
    match method.__name__:
        case "join":
            return joined(holder, *args, **kwargs)
        case "replace":
            return replaced(holder, *args, **kwargs)
        case name if name in _SEARCHED_BACKWARDS:
            for argument in args:
                bound_product(holder, argument)
    return counted(method(*args, **kwargs))


def counted(made: Any) -> Any:
    """Count what a method has made and return it."""
    if isinstance(made, str):
        budget.spend(0, len(made))
    elif isinstance(made, (list, tuple)):
        budget.spend(0, len(made) + sum(map(len, made)))
    return made


def bound_product(text: Any, argument: Any) -> None:
    """Refuse a search whose time grows with the product of two long texts."""
    if isinstance(text, str) and isinstance(argument, str) and len(text) * len(argument) > _SLOW_PRODUCT:
        raise values.failed("a text is too long to be searched for or stripped of so long a text")


def joined(separator: str, items: Any) -> str:
    """Return the items as text with the separator between them."""
    parts = [values.text(item) for item in values.counted_list(items)]
    budget.spend(0, len(separator) * len(parts) + sum(map(len, parts)))
    return separator.join(parts)


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    """Return the text with `old` replaced by `new`, at most `count` times."""
    times = text.count(old) if count < 0 else min(count, text.count(old))
    length = len(text) + times * max(0, len(new) - len(old))
    budget.current().room_for(length)
    budget.spend(0, length)
    return text.replace(old, new, count)


def date_text(method: Callable[[str], str], form: Any) -> str:
    """Return a date as `strftime` writes it; widths (`%1000Y`) are refused."""
    if not isinstance(form, str) or len(form) > 200 or not _DATE_FORMAT.fullmatch(form):
        raise values.failed("strftime takes a text of at most 200 characters with codes such as %Y-%m-%d")
    return str(counted(method(form)))
