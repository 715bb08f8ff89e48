"""JSON in and out."""

from typing import Any, Final

import msgspec

from libs.common.templating import budget, values
from libs.common.templating.filters.guard import Entry

_WIDEST_INDENT: Final = 8
_LONGEST_INDENTED: Final = 100_000
_LONGEST_PARSED: Final = 1_100_000


def _to_json(value: Any, indent: int | None = None) -> str:
    """Return exact JSON in the order of the keys, compact unless it is to be indented."""
    weight = values.weight(value)
    budget.current().room_for(weight)
    written = msgspec.json.encode(values.uncounted(value))
    if indent is not None:
        if not 0 <= indent <= _WIDEST_INDENT or len(written) > _LONGEST_INDENTED:
            raise values.failed(f"`tojson` indents by at most {_WIDEST_INDENT}, at most {_LONGEST_INDENTED} characters")
        written = msgspec.json.format(written, indent=indent)
    return written.decode()


def _parse_json(value: Any) -> Any:
    if not isinstance(value, str):
        return values.plain(value)  # it has been parsed already; anything else is told what it is
    if len(value) > _LONGEST_PARSED:
        raise values.failed(f"the text has more than {_LONGEST_PARSED} characters, too many for `parse_json`")
    budget.spend(0, len(value))
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise values.failed("`parse_json` was given a text that is not JSON") from None


FILTERS: Final = {
    "parse_json": Entry(_parse_json, weighed=True),
    "tojson": Entry(_to_json),
}
