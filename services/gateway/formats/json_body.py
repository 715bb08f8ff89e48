"""JSON, read strictly: what no standard parser takes back unchanged is refused (`NaN`, `1e400`, half a surrogate pair).

Nesting is bounded *before* anything recurses. The input of a run travels as the bytes that were sent, so integers and
characters are kept exactly.
"""

import re
from typing import Any, Final, NamedTuple

import msgspec

from libs.common import errors
from services.gateway.formats import nesting

_AT_BYTE: Final = re.compile(r"(?:JSON is malformed: )?(.*) \(byte (\d+)\)")
_REASONS: Final = {
    "Input data was truncated": "it ends too early, or an escape is half of a surrogate pair",
    "Number out of range": "a number is larger than any float holds",
    "Integer value out of range": "an integer has more than 4,300 digits",
}

_decode = msgspec.json.Decoder().decode


class Object(NamedTuple):
    """A dictionary and the JSON that it was read from."""

    values: dict[str, Any]
    encoded: msgspec.Raw


def parse(utf8: bytes) -> Object:
    """Return the JSON as a dictionary; what is no object stands under `body`. `InvalidPayload` for what is no JSON."""
    if nesting.is_deeper(utf8, nesting.MAX_DEPTH):
        raise errors.InvalidPayload(f"The JSON is nested deeper than {nesting.MAX_DEPTH} levels.")
    try:
        value = _decode(utf8)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise errors.InvalidPayload(_what_is_wrong(utf8, error)) from error
    if isinstance(value, dict):
        return Object(value, msgspec.Raw(utf8))
    return Object({"body": value}, msgspec.Raw(b'{"body":%b}' % utf8))


def looks_like(text: str | bytes) -> bool:
    """Tell whether this begins as an object or an array does."""
    begin = text[:256].lstrip()[:1]
    return begin in (("{", "[") if isinstance(begin, str) else (b"{", b"["))


def _what_is_wrong(utf8: bytes, error: Exception) -> str:
    located = _AT_BYTE.fullmatch(str(error))
    if located is None:
        return f"The body is not valid JSON: {_REASONS.get(str(error), str(error))}."
    reason, position = located[1], int(located[2])
    line = utf8.count(b"\n", 0, position) + 1
    column = len(utf8[utf8.rfind(b"\n", 0, position) + 1 : position].decode(errors="replace")) + 1
    return f"The body is not valid JSON: {reason} at line {line}, column {column}."
