"""Regular expressions, with a time limit for the search and a bound for what a pattern compiles to."""

import math
from functools import lru_cache
from typing import Any, Final

import regex

from libs.common.templating import budget, values
from libs.common.templating.filters.guard import Entry

_LONGEST_PATTERN: Final = 500
_LONGEST_REPLACEMENT: Final = 1000
_MOST_REPEATS: Final = 10_000  # nested counts multiply: ((a{100}){100}){100} takes a third of a second to compile
_SEARCH_S: Final = 0.1
_COUNTS: Final = regex.compile(r"\{(\d*),?(\d*)\}")


def _replace(value: Any, pattern: Any, replacement: Any = "", count: int = 0, ignorecase: bool = False) -> str:
    r"""Return the text with what the pattern finds replaced; groups are `\1`, `\g<1>` or `\g<name>`."""
    written, search, by = values.text(value), values.text(pattern), values.text(replacement)
    if len(by) > _LONGEST_REPLACEMENT:
        raise values.failed(f"a replacement has at most {_LONGEST_REPLACEMENT} characters")
    compiled = _compile(search, bool(ignorecase))
    timeout = min(_SEARCH_S, budget.current().seconds_left)

    def expand(match: regex.Match[str]) -> str:
        return _expand(match, by)

    try:
        return compiled.sub(expand, written, count=count, timeout=timeout)
    except TimeoutError:
        raise budget.exhausted(f"searched longer than {_SEARCH_S:g} s", "Write a simpler pattern") from None
    except regex.error as error:
        raise values.failed(f"the replacement does not fit the pattern: {error}") from None


def _expand(match: regex.Match[str], by: str) -> str:
    references = by.count("\\")
    if references:
        longest = max(len(group or "") for group in (match.group(0), *match.groups()))
        budget.current().room_for(references * longest)
        by = match.expand(by)
    budget.spend(1, len(by))
    return by


@lru_cache(maxsize=256)
def _compile(pattern: str, ignorecase: bool) -> "regex.Pattern[str]":
    if len(pattern) > _LONGEST_PATTERN:
        raise values.failed(f"a pattern has at most {_LONGEST_PATTERN} characters")
    counts = (max((int(part) for part in parts if part), default=1) for parts in _COUNTS.findall(pattern))
    if math.prod(max(1, count) for count in counts) > _MOST_REPEATS:
        raise values.failed(f"the counts in a pattern's braces multiply to at most {_MOST_REPEATS}")
    try:
        return regex.compile(pattern, regex.IGNORECASE if ignorecase else 0)
    except (regex.error, RecursionError, OverflowError) as error:
        reason = str(error) if isinstance(error, regex.error) else "it is too large"
        raise values.failed(f"the pattern is not a regular expression: {reason}") from None


FILTERS: Final = {"regex_replace": Entry(_replace)}
