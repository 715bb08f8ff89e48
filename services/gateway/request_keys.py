"""The key of a request, and what makes two requests the same one. Pure."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from libs.common import errors
from libs.common.flow import idempotency
from libs.common.templating import environment
from services.gateway.signatures import Headers

MAX_CHARS: Final = 255


class Sent(NamedTuple):
    """What was sent, as it came: the query as it stands in the address, the body before it was decoded."""

    method: str
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Key:
    """A request's key and the request itself, each as its SHA-256: neither is kept as it is."""

    digest: bytes
    request: bytes


def key_of(
    source: idempotency.KeySource,
    headers: Headers,
    names: Callable[[], Mapping[str, Any]],
    sent: Sent,
    limits: environment.Limits,
) -> Key | None:
    """Return the key of a request, None if it bears none; `InvalidPayload` for a key that cannot be one.

    `names` is what the key's template knows; it is asked for only where there is one.
    """
    text = _header(source, headers) if source.template is None else _rendered(source.template, names(), limits)
    return None if text is None else Key(hashlib.sha256(_bytes(text)).digest(), _digest(sent))


def _header(source: idempotency.KeySource, headers: Headers) -> str | None:
    for name in source.headers:
        values = headers.getall(name, ())
        if values:
            if len(values) != 1 or not 1 <= len(values[0]) <= MAX_CHARS:
                raise errors.InvalidPayload(f"Send one header {name}, of 1 to {MAX_CHARS} characters, or none.")
            return values[0]
    return None


def _rendered(template: environment.Templated, names: Mapping[str, Any], limits: environment.Limits) -> str | None:
    try:
        value = template.render(names, limits=limits)
    except errors.StepError as error:
        raise errors.InvalidPayload(
            "The idempotency key that this flow asks for cannot be made from this request."
        ) from error
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or len(text := str(value)) > MAX_CHARS:
        raise errors.InvalidPayload(
            f"The idempotency key that this flow makes of a request must be a text of at most {MAX_CHARS} characters."
        )
    return text


def _digest(sent: Sent) -> bytes:
    computing = hashlib.sha256()
    for part in (sent.method, sent.query):
        computing.update(_bytes(part) + b"\0")  # neither can hold one
    computing.update(sent.body)
    return computing.digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
