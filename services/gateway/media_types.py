"""What a `Content-Type` says about a body."""

from email.message import Message
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["json", "xml", "form"]


class MediaType(NamedTuple):
    """How the body is to be read. Whatever is neither XML nor a form is read as JSON."""

    name: str
    kind: Kind
    charset: str | None


@lru_cache(maxsize=1024)
def parse(content_type: str) -> MediaType:
    """Return the media type that a header names; one that cannot be read counts as none."""
    message = Message()
    if content_type.isascii():
        message["content-type"] = content_type
    name = message.get_content_type()
    charset = message.get_param("charset")
    return MediaType(name, _kind(name), charset if isinstance(charset, str) else None)


def _kind(name: str) -> Kind:
    if name in ("application/xml", "text/xml") or name.endswith("+xml"):
        return "xml"
    if name in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return "form"
    return "json"
