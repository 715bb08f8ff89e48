"""A flow document as JSON: exact, and without what JSON leaves open."""

import json
from typing import Any

import msgspec

from libs.common import errors


def read(source: bytes) -> Any:
    """Return the value; `InvalidFlow` where it is no JSON, holds half a surrogate pair or the same key twice."""
    try:
        value = msgspec.json.decode(source)
        _refuse_twins(source)
    except errors.InvalidFlow:
        raise
    except RecursionError:
        raise errors.InvalidFlow((errors.Fault("", "is nested too deeply"),)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise errors.InvalidFlow((_fault(source, error),)) from error
    return value


def _refuse_twins(source: bytes) -> None:
    """Refuse an object that has the same key twice: readers differ in which one counts."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            names = [name for name, _ in pairs]
            twin = next(name for name in names if names.count(name) > 1)
            raise errors.InvalidFlow((errors.Fault("", f"the key {twin[:60]!r} stands twice in one object"),))
        return fields

    json.loads(source, object_pairs_hook=unique)


def _fault(source: bytes, error: Exception) -> errors.Fault:
    try:
        json.loads(source)
    except json.JSONDecodeError as place:
        return errors.Fault("", f"is not JSON: {place.msg}", place.lineno, place.colno)
    except (ValueError, RecursionError):
        pass
    return errors.Fault("", f"is not JSON: {error}")
