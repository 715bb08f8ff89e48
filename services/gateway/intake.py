"""A request that is accepted, as it goes into the record and to a runner. Pure."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from libs.common import messages
from services.gateway import address
from services.gateway.flows import Flow
from services.gateway.payload import Content

# Headers that open doors. Their values are never published; that they were there is.
_SECRET: Final = re.compile(
    r"(?:proxy-)?authorization|cookie2?|x-auth|.*(?:api-?key|token|secret|password|credential).*"
)
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_WEBHOOK: Final = messages.Trigger(kind="webhook")


def http_request(
    method: str, ip: str, headers: Iterable[tuple[str, str]], flow: Flow, content: Content, received_at_ms: int
) -> messages.HttpRequest:
    """Return the request without what it kept secret."""
    shown: dict[str, str] = {}
    masked: list[str] = []
    for spelled, value in headers:
        name = spelled.lower()
        if _is_secret(name):
            masked.append(name)
        elif name in shown:
            shown[name] = f"{shown[name]}, {_clean(value)}"
        else:
            shown[name] = _clean(value)
    return messages.HttpRequest(
        method=method,
        path=address.PREFIX + flow.id,
        query=content.query,
        headers=shown,
        ip=ip,
        body=content.text,
        received_at_ms=received_at_ms,
        masked=tuple(dict.fromkeys(masked)),
    )


def run_request(
    run_id: str,
    flow: Flow,
    request: messages.HttpRequest,
    content: Content,
    reply_to: str | None,
) -> messages.RunRequest:
    """Return the run that a request asks for; it is synchronous if there is a gateway to reply to."""
    return messages.RunRequest(
        run_id=run_id,
        flow_id=flow.id,
        flow_name=flow.state.name,
        flow_version=flow.state.version,
        document=msgspec.Raw(flow.document),
        mode="async" if reply_to is None else "sync",
        lane=flow.lane,
        reply_to=reply_to,
        trigger=_WEBHOOK,
        received_at_ms=request.received_at_ms,
        request=request,
        input=content.input,
        traceparent=_traceparent(request.headers.get("traceparent")),
    )


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    return _SECRET.fullmatch(name) is not None


def _clean(value: str) -> str:
    """Return a header's value as a text that JSON can hold: what is no UTF-8 is taken as Latin-1."""
    if value.isascii():
        return value
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _traceparent(value: str | None) -> str | None:
    return value if value is not None and _TRACEPARENT.fullmatch(value) else None
