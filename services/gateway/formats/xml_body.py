"""XML as xmltodict converts it: the root kept, attributes under `@name`, text beside them under `#text`.

A first pass, which builds nothing, refuses what must not be converted: a document type, hence every entity and every
reference to something outside, and nesting that is too deep. What the second pass meets is bounded by the body's size.
"""

import re
from typing import Any, Final
from xml.parsers import expat

import xmltodict

from libs.common import errors
from services.gateway.formats import charsets, nesting

_DECLARED: Final = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_WIDE: Final = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))  # a declaration in UTF-16, without a mark


def decode(body: bytes, charset: str | None) -> charsets.Decoded:
    """Return the document as text; `InvalidPayload` if it is none.

    Its encoding is, by RFC 7303, that of its byte order mark, else the content type's, else the declared one, else
    UTF-8.
    """
    if charsets.of_mark(body):
        charset = None
    elif not charset:
        charset = _declared(body)
    return charsets.decode(body, charset)


def parse(utf8: bytes) -> dict[str, Any]:
    """Return the document as a dictionary; `InvalidPayload` for what is not well-formed or not taken."""
    try:
        _Guard().check(utf8)
        converted: dict[str, Any] = xmltodict.parse(utf8, encoding=charsets.UTF8)
    except expat.ExpatError as error:
        where = f"at line {error.lineno}, column {error.offset + 1}"
        raise errors.InvalidPayload(f"The body is not valid XML: {expat.ErrorString(error.code)} {where}.") from error
    return converted


def _declared(body: bytes) -> str | None:
    wide = next((codec for begin, codec in _WIDE if body.startswith(begin)), None)
    if wide:
        return wide
    found = _DECLARED.match(body[:1024])
    return found[1].decode() if found else None


class _Guard:
    """Goes through a document once, and ends where it must not be gone on."""

    def __init__(self) -> None:
        self._depth = 0
        self._parser = expat.ParserCreate(charsets.UTF8)
        self._parser.StartElementHandler = self._opened
        self._parser.EndElementHandler = self._closed
        self._parser.StartDoctypeDeclHandler = self._typed

    def check(self, utf8: bytes) -> None:
        self._parser.Parse(utf8, True)

    def _opened(self, _name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > nesting.MAX_DEPTH:
            raise errors.InvalidPayload(f"The XML is nested deeper than {nesting.MAX_DEPTH} levels.")

    def _closed(self, _name: str) -> None:
        self._depth -= 1

    def _typed(self, *_declaration: object) -> None:
        raise errors.InvalidPayload("A document type (DTD) is not taken. Send the XML without <!DOCTYPE …>.")
