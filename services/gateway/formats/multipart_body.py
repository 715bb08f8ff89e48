"""multipart/form-data: fields as texts, files as what they are named, their type, their size and their content.

Only a part with a file name is a file, so no text that resembles one passes for it.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import multipart

from libs.common import errors
from services.gateway.formats import charsets, fields

_UNTYPED: Final = "application/octet-stream"
_EXTENDED: Final = re.compile(r";\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]*)", re.IGNORECASE)  # RFC 5987


def parse(body: bytes, boundary: str | None, charset: str | None) -> dict[str, Any]:
    """Return the fields; `InvalidPayload` for what is no such form, or has too many of them.

    `charset` is that of texts which name none of their own; UTF-8 if it is None.
    """
    if not boundary:
        raise errors.InvalidPayload("The Content-Type of a multipart form names its boundary: boundary=….")
    codec = charsets.codec_of(charset or charsets.UTF8)
    try:
        return fields.collect(_parts(body, boundary, codec))
    except multipart.MultipartError as error:
        raise errors.InvalidPayload(f"The body is not a valid multipart form: {error.args[0]}.") from error


def _parts(body: bytes, boundary: str, codec: str) -> Iterator[tuple[str, Any]]:
    with multipart.PushMultipartParser(boundary) as parser:
        part: Any = None
        content, count = b"", 0
        for event in parser.parse(body):
            if event is None:
                yield part.name, _value(part, content, codec)
            elif isinstance(event, bytes):
                content += event  # once: the body is given to the parser whole
            else:
                part, content, count = event, b"", count + 1
                if count > fields.MAX_FIELDS:
                    raise fields.too_many("form")


def _value(part: multipart.MultipartSegment, content: bytes, codec: str) -> Any:
    content = _transferred(content, part.header("Content-Transfer-Encoding", ""))
    filename = _filename(part)
    if filename is None:
        return charsets.text_of(content, charsets.codec_of(part.charset) if part.charset else codec)
    if not filename and not content:
        return None  # a browser's file field where no file was chosen
    return {
        "filename": filename,
        "content_type": part.header("Content-Type", _UNTYPED),
        "size": len(content),
        "content": base64.b64encode(content).decode(),
    }


def _filename(part: multipart.MultipartSegment) -> str | None:
    extended = _EXTENDED.search(part.header("Content-Disposition", ""))
    if extended is None:
        name: str | None = part.filename
        return name
    try:
        return unquote(extended[1], errors="strict")
    except UnicodeDecodeError as error:
        raise errors.InvalidPayload("A file name is not UTF-8.") from error


def _transferred(content: bytes, encoding: str) -> bytes:
    """Undo what mail programs do to parts; whatever else is named changes nothing."""
    match encoding.strip().lower():
        case "base64":
            try:
                return binascii.a2b_base64(content)
            except binascii.Error as error:
                raise errors.InvalidPayload("A part of the form is not valid base64.") from error
        case "quoted-printable":
            return binascii.a2b_qp(content)
    return content
