"""Bytes to text, as a sender's charset has it."""

import codecs
from functools import lru_cache
from typing import Final, NamedTuple

from libs.common import errors

UTF8: Final = "utf-8"

# Python's own codecs that no sender means; some take quadratic time, some run escapes.
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})
_BOM: Final = "\ufeff"
_MARKS: Final = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OF_FORMS: Final = "&=%+0aZ"


class Decoded(NamedTuple):
    """A text, its bytes in UTF-8, both without a byte order mark, and the codec that it was decoded with."""

    text: str
    utf8: bytes
    codec: str


def decode(body: bytes, charset: str | None) -> Decoded:
    """Return the text: in this charset, else in that of its byte order mark, else in UTF-8.

    `InvalidPayload` if it is no such text, or the charset is not known.
    """
    codec = codec_of(charset) if charset else of_mark(body) or UTF8
    text = text_of(body, codec).removeprefix(_BOM)
    if codec == UTF8:
        return Decoded(text, body.removeprefix(codecs.BOM_UTF8), codec)
    try:
        return Decoded(text, text.encode(UTF8), codec)
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise _no_text(codec) from error


def text_of(body: bytes, codec: str) -> str:
    """Return the text as it stands, a byte order mark included; `InvalidPayload` if it is none."""
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        raise errors.InvalidPayload(f"The body is not {codec}: byte {error.start} cannot be decoded.") from error
    except (UnicodeError, LookupError, ValueError) as error:  # LookupError: a codec that makes no text, base64 say
        raise _no_text(codec) from error


def of_mark(body: bytes) -> str | None:
    """Return the codec that a byte order mark tells, if there is one."""
    return next((codec for mark, codec in _MARKS if body.startswith(mark)), None)


@lru_cache(maxsize=256)
def codec_of(charset: str) -> str:
    """Return Python's name for a charset; `InvalidPayload` for one that is not known."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, UnicodeError, ValueError) as error:
        raise _unknown() from error
    if name.replace("_", "-") in _NO_CHARSETS:
        raise _unknown()
    return UTF8 if name == "utf-8-sig" else name


@lru_cache(maxsize=256)
def is_ascii_based(codec: str) -> bool:
    """Tell whether the bytes that a form is made of mean the same in this codec as in ASCII."""
    return _OF_FORMS.encode(codec, "replace") == _OF_FORMS.encode()


def _unknown() -> errors.InvalidPayload:
    return errors.InvalidPayload("The charset of the body is not known. Send UTF-8.")


def _no_text(codec: str) -> errors.InvalidPayload:
    return errors.InvalidPayload(f"The body cannot be decoded as {codec}.")
