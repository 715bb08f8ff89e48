"""What a sender sent, as one dictionary: query parameters and body keys together, the body winning.

Pure: bytes in, values out. How each format is read stands in `formats`; here is which of them a body is in:

    json, +json                              JSON
    xml, +xml                                XML
    x-www-form-urlencoded, multipart form    JSON where it is an object or an array, else that form
    any other, or none                       JSON, else a form where the whole body is plainly one
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from libs.common import errors
from services.gateway import media_types
from services.gateway.formats import charsets, form_body, json_body, multipart_body, xml_body

_EMPTY: Final = msgspec.Raw(b"{}")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Content:
    """The input of a run as a value and as JSON, the query as JSON, and the body as text."""

    values: dict[str, Any]
    input: msgspec.Raw
    query: msgspec.Raw
    text: str


def parse(query: str, content_type: str, body: bytes) -> Content:
    """Return the content of a request, whose body is not encoded any more; `InvalidPayload` for what it must not be."""
    parameters = form_body.parse_query(query) if query else {}
    if not body:
        encoded = _raw(parameters) if parameters else _EMPTY
        return Content(parameters, encoded, encoded, "")
    read, text = _read(media_types.parse(content_type), body)
    if parameters:
        values = parameters | read.values
        return Content(values, _raw(values), _raw(parameters), text)
    return Content(read.values, read.encoded, _EMPTY, text)


def _read(media: media_types.MediaType, body: bytes) -> tuple[json_body.Object, str]:
    """Return the body's values, and the body as text."""
    if media.kind == "xml":
        decoded = xml_body.decode(body, media.charset)
        return _object(xml_body.parse(decoded.utf8)), decoded.text
    if media.kind == "multipart" and not json_body.looks_like(body):
        values = multipart_body.parse(body, media.boundary, media.charset)
        return _object(values), body.decode(errors="replace")  # files need not be text
    decoded = charsets.decode(body, media.charset)
    return _json_or_form(media.kind, body, decoded), decoded.text


def _json_or_form(kind: media_types.Kind, body: bytes, decoded: charsets.Decoded) -> json_body.Object:
    if kind == "form" and not json_body.looks_like(decoded.text):
        return _object(form_body.parse(body, decoded))
    try:
        return json_body.parse(decoded.utf8)
    except errors.InvalidPayload:
        if kind == "form" and form_body.begins_like_one(decoded.text):
            return _object(form_body.parse(body, decoded))
        if kind == "other" and form_body.is_plain(decoded.text):
            return _object(form_body.parse(body, decoded))
        raise


def _object(values: dict[str, Any]) -> json_body.Object:
    return json_body.Object(values, _raw(values))


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
