"""Answers as bytes: JSON that keeps every value exactly, YAML for whoever asks for it, times in RFC 3339."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from libs.common import times
from libs.common.flow import yaml_writer

ALWAYS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/vnd.yaml")


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the value as JSON; `msgspec.Raw` in it is sent as it stands."""
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers={**ALWAYS, **(headers or {})},
    )


def yaml_answer(
    value: Any, *, comment: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return the value as YAML in the order of its keys, below a comment of one line."""
    return web.Response(
        text=f"# {comment}\n{yaml_writer.write(value)}",
        status=status,
        content_type="application/yaml",
        headers={**ALWAYS, **(headers or {})},
    )


def nothing() -> web.Response:
    """Return the answer of a call that has nothing to tell: 204."""
    return web.Response(status=204, headers=ALWAYS)


def raw(text: str | None) -> msgspec.Raw:
    """Return a recorded JSON text as it stands; null where there is none."""
    return msgspec.Raw(b"null" if text is None else text.encode())


def time(at: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the millisecond."""
    return None if at is None else times.timestamp(at)


def is_yaml(media_type: str) -> bool:
    """Tell whether this content type means YAML."""
    return media_type.lower() in _YAML_TYPES


def wants_yaml(accept: str) -> bool:
    """Tell whether an `Accept` header prefers YAML to JSON; JSON where it says neither."""
    best = {"yaml": 0.0, "json": 0.0}
    for item in accept.split(","):
        media_type, *parameters = (part.strip() for part in item.split(";"))
        kind = "yaml" if is_yaml(media_type) else "json"
        best[kind] = max(best[kind], _quality(parameters))
    return best["yaml"] > best["json"]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
