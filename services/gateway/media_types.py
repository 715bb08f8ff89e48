"""What a `Content-Type` says about a body."""

from email.message import Message
from functools import lru_cache
from typing import Final, Literal, NamedTuple

MAX_LENGTH: Final = 512  # of the header, in characters; finding the parameters of a long one takes quadratic time

Kind = Literal["json", "xml", "form", "multipart", "other"]


class MediaType(NamedTuple):
    """How the body is to be read, and the parameters that this takes."""

    kind: Kind
    charset: str | None = None
    boundary: str | None = None


@lru_cache(maxsize=1024)
def parse(content_type: str) -> MediaType:
    """Return the media type that a header names; one that cannot be read, or is too long, counts as none."""
    message = Message()
    if len(content_type) <= MAX_LENGTH and content_type.isascii():
        message["content-type"] = content_type
    kind = _kind(message.get_content_type())
    return MediaType(kind, _parameter(message, "charset"), _parameter(message, "boundary"))


def _kind(name: str) -> Kind:
    if name == "application/json" or name.endswith("+json"):
        return "json"
    if name in ("application/xml", "text/xml") or name.endswith("+xml"):
        return "xml"
    if name == "application/x-www-form-urlencoded":
        return "form"
    return "multipart" if name == "multipart/form-data" else "other"


def _parameter(message: Message, name: str) -> str | None:
    value = message.get_param(name)
    return value if isinstance(value, str) else None
