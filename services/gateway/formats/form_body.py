"""`name=value&…`: the query, and bodies of the type application/x-www-form-urlencoded.

Taken apart as bytes, since a percent sign escapes a byte, and only whole values make a text in the charset.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from libs.common import errors
from services.gateway.formats import charsets, fields

_ESCAPE: Final = "%[0-9A-Fa-f]{2}"
_FIELD: Final = re.compile(rf"(?:\w|{_ESCAPE})[\w.\-\[\]]*(?:{_ESCAPE}[\w.\-\[\]]*)*=")
_FIRST: Final = re.compile(r"[^\s\"'&=]+=")


def parse_query(query: str) -> dict[str, Any]:
    """Return the parameters of a query, whose bytes that are no ASCII are surrogate escapes.

    `InvalidPayload` for what is no UTF-8, or too many parameters.
    """
    try:
        return fields.collect(_pairs(query.encode(errors="surrogateescape"), charsets.UTF8, "query"))
    except UnicodeDecodeError as error:
        raise errors.InvalidPayload("The query is not UTF-8.") from error


def parse(body: bytes, decoded: charsets.Decoded) -> dict[str, Any]:
    """Return the fields of a form; `InvalidPayload` where they are too many, or no text in the body's charset."""
    plain, codec = decoded.utf8, charsets.UTF8
    if charsets.is_ascii_based(decoded.codec) and decoded.codec != charsets.UTF8:
        plain, codec = body, decoded.codec
    try:
        return fields.collect(_pairs(plain, codec, "form"))
    except (UnicodeError, ValueError) as error:
        raise errors.InvalidPayload(f"A field of the form is not {codec}.") from error


def begins_like_one(text: str) -> bool:
    """Tell whether the text begins with a name, without quotes or spaces, and `=`: it may be a form, but no JSON."""
    return _FIRST.match(text) is not None


def is_plain(text: str) -> bool:
    """Tell whether the whole text is `name=value&…` with names of word characters, `.`, `-`, brackets or escapes."""
    return all(_FIELD.match(field) for field in text.split("&"))


def _pairs(form: bytes, codec: str, what: str) -> Iterator[tuple[str, str]]:
    if form.count(b"&") >= fields.MAX_FIELDS:
        raise fields.too_many(what)
    for pair in form.split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            yield _unescaped(name, codec), _unescaped(value, codec)


def _unescaped(escaped: bytes, codec: str) -> str:
    plain = escaped.replace(b"+", b" ")
    if b"%" in plain:
        plain = unquote_to_bytes(plain)
    return plain.decode(codec)
