"""Bytes to text, as a sender's charset has it."""

import codecs
from typing import Final

from libs.common import errors

# Python's own codecs that no sender means; some take quadratic time, some run escapes.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
_BOM: Final = "\ufeff"
_UTF8: Final = "utf-8"


def decode(body: bytes, charset: str | None) -> tuple[str, bytes]:
    """Return the text, and its bytes in UTF-8, without a byte order mark; `InvalidPayload` if it is no such text."""
    codec = _codec(charset) if charset else _UTF8
    try:
        text = body.decode(codec)
        utf8 = body if codec == _UTF8 else text.encode(_UTF8)
    except UnicodeDecodeError as error:
        raise errors.InvalidPayload(f"The body is not {codec}: byte {error.start} cannot be decoded.") from error
    except (UnicodeError, LookupError, ValueError) as error:  # LookupError: a codec that makes no text, base64 say
        raise errors.InvalidPayload(f"The body cannot be decoded as {codec}.") from error
    if text.startswith(_BOM):
        return text[1:], utf8[len(_BOM.encode()) :]
    return text, utf8


def _codec(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except (LookupError, UnicodeError, ValueError) as error:
        raise errors.InvalidPayload("The charset of the content type is not known.") from error
    if name.replace("_", "-") in _NO_CHARSETS:
        raise errors.InvalidPayload("The charset of the content type is not known.")
    return name
