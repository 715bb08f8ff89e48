"""Pairs of names and values, as queries and forms have them, as one dictionary."""

from collections.abc import Iterable
from typing import Any, Final

from libs.common import errors

MAX_FIELDS: Final = 10_000


def collect(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the values by name; those of a repeated name are a list. No value may be a list itself."""
    collected: dict[str, Any] = {}
    for name, value in pairs:
        if name not in collected:
            collected[name] = value
        elif isinstance(collected[name], list):
            collected[name].append(value)
        else:
            collected[name] = [collected[name], value]
    return collected


def too_many(what: str) -> errors.InvalidPayload:
    """Return the refusal of more than `MAX_FIELDS`."""
    return errors.InvalidPayload(f"The {what} has more than {MAX_FIELDS} fields.")
