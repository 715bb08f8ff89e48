"""What a sender sent, as one dictionary: query parameters and body keys together, the body winning.

Pure. JSON is read strictly: what no standard parser takes back unchanged (`NaN`, `1e400`, half a surrogate pair) is
refused, and nesting is bounded *before* anything recurses. The input travels as the bytes that were sent wherever they
are a JSON object already, so integers and characters are kept exactly.
"""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote

import msgspec

from libs.common import errors
from services.gateway import charsets, media_types, nesting

MAX_PARAMETERS: Final = 10_000

_EMPTY: Final = msgspec.Raw(b"{}")
_ASCII: Final = "".join(map(chr, range(128)))
_AT_BYTE: Final = re.compile(r"(?:JSON is malformed: )?(.*) \(byte (\d+)\)")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Content:
    """The input of a run as a value and as JSON, the query as JSON, and the body as text."""

    values: dict[str, Any]
    input: msgspec.Raw
    query: msgspec.Raw
    text: str


def parse(query: str, content_type: str, body: bytes) -> Content:
    """Return the content of a request.

    `InvalidPayload` for what is not what it says it is, `UnsupportedMediaType` for what is not read.
    """
    parameters = parse_query(query) if query else {}
    if not body:
        encoded = _raw(parameters) if parameters else _EMPTY
        return Content(parameters, encoded, encoded, "")
    text, utf8 = _text(body, content_type)
    values, whole = _object(utf8)
    if parameters:
        values = parameters | values
        return Content(values, _raw(values), _raw(parameters), text)
    return Content(values, whole, _EMPTY, text)


def parse_query(query: str) -> dict[str, Any]:
    """Return the parameters; a repeated one is a list, a blank one is kept as an empty text."""
    if not query.isascii():  # sent unescaped: escape the bytes that it had
        query = quote(query, safe=_ASCII, errors="surrogateescape")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError as error:
        raise errors.InvalidPayload("The query is not UTF-8.") from error
    except ValueError as error:
        raise errors.InvalidPayload(f"The query has more than {MAX_PARAMETERS} parameters.") from error
    parameters: dict[str, Any] = {}
    for name, value in pairs:
        if name not in parameters:
            parameters[name] = value
        elif isinstance(parameters[name], list):
            parameters[name].append(value)
        else:
            parameters[name] = [parameters[name], value]
    return parameters


def _text(body: bytes, content_type: str) -> tuple[str, bytes]:
    """Return the body as text and as UTF-8, both without a byte order mark."""
    media = media_types.parse(content_type)
    text, utf8 = charsets.decode(body, media.charset)
    if media.kind != "json" and not (media.kind == "form" and text.lstrip()[:1] in ("{", "[")):
        raise errors.UnsupportedMediaType(
            f"A body of type {media.name} is not read here. Send JSON, with Content-Type: application/json."
        )
    return text, utf8


def _object(utf8: bytes) -> tuple[dict[str, Any], msgspec.Raw]:
    """Return the JSON text as a dictionary and as the bytes of one; what is no object stands under `body`."""
    if nesting.is_deeper(utf8, nesting.MAX_DEPTH):
        raise errors.InvalidPayload(f"The JSON is nested deeper than {nesting.MAX_DEPTH} levels.")
    try:
        value = _decode(utf8)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise errors.InvalidPayload(_what_is_wrong(utf8, error)) from error
    if isinstance(value, dict):
        return value, msgspec.Raw(utf8)
    return {"body": value}, msgspec.Raw(b'{"body":%b}' % utf8)


def _what_is_wrong(utf8: bytes, error: Exception) -> str:
    located = _AT_BYTE.fullmatch(str(error))
    if located is None:
        return f"The body is not valid JSON: {_REASONS.get(str(error), str(error))}."
    reason, position = located[1], int(located[2])
    line = utf8.count(b"\n", 0, position) + 1
    column = len(utf8[utf8.rfind(b"\n", 0, position) + 1 : position].decode(errors="replace")) + 1
    return f"The body is not valid JSON: {reason} at line {line}, column {column}."


_REASONS: Final = {
    "Input data was truncated": "it ends too early, or an escape is half of a surrogate pair",
    "Number out of range": "a number is larger than any float holds",
    "Integer value out of range": "an integer has more than 4,300 digits",
}


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
