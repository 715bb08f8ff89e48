"""Filters over texts."""

import html
from typing import Any, Final

from jinja2 import Undefined
from jinja2 import filters as jinja

from libs.common.templating import budget, methods, values
from libs.common.templating.filters.guard import Check, Entry

_LONGEST_SEPARATOR: Final = 16


def _at_most(characters: int) -> Check:
    """Return a check that a text is not too long for a filter whose time grows faster than its length."""

    def check(value: Any, *_: Any, **__: Any) -> None:
        if isinstance(value, str) and len(value) > characters:
            raise values.failed(f"the text has more than {characters} characters, too many for this filter")

    return check


def _escape(value: Any) -> str:
    return html.escape(values.text(value))


def _center(value: Any, width: int = 80) -> str:
    budget.current().room_for(width)
    return values.text(value).center(width)


def _indent(value: Any, width: Any = 4, first: bool = False, blank: bool = False) -> str:
    written = values.text(value)
    each = len(width) if isinstance(width, str) else width
    budget.current().room_for(len(written) + (len(written.splitlines()) + 1) * each)
    return jinja.do_indent(written, width, first, blank)


def _replace(value: Any, old: Any, new: Any, count: int | None = None) -> str:
    return methods.replaced(
        values.text(value), values.text(old), values.text(new), -1 if count is None or count < 0 else count
    )


def _trim(value: Any, chars: str | None = None) -> str:
    written = values.text(value)
    methods.bound_product(written, chars)
    return written.strip(chars)


def _wrap(value: Any, *args: Any, **kwargs: Any) -> None:
    _at_most(20_000)(value)
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, str) and len(argument) > _LONGEST_SEPARATOR:
            raise values.failed(f"`wordwrap` joins lines with at most {_LONGEST_SEPARATOR} characters")


def _url_room(value: Any) -> None:
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is there
    budget.current().room_for(3 * values.weight(value))


FILTERS: Final = {
    "capitalize": Entry(jinja.do_capitalize),
    "center": Entry(_center),
    "default": Entry(jinja.do_default),
    "d": Entry(jinja.do_default),
    "e": Entry(_escape),
    "escape": Entry(_escape),
    "forceescape": Entry(_escape),
    "indent": Entry(_indent),
    "lower": Entry(jinja.do_lower),
    "replace": Entry(_replace),
    "safe": Entry(values.text),
    "string": Entry(values.text),
    "striptags": Entry(jinja.do_striptags, _at_most(50_000)),
    "title": Entry(jinja.do_title, _at_most(200_000)),
    "trim": Entry(_trim),
    "truncate": Entry(jinja.do_truncate),
    "upper": Entry(jinja.do_upper),
    "urlencode": Entry(jinja.do_urlencode, _url_room),
    "wordcount": Entry(jinja.do_wordcount, _at_most(200_000)),
    "wordwrap": Entry(jinja.do_wordwrap, _wrap),
}
