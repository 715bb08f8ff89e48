"""Answers: from the settings of a `response` to what a sender gets.

A body that is JSON goes out as `application/json`, any other as text, unless the headers say otherwise. Nobody's
browser is to run what a flow's data holds: types are never sniffed, and what could bear a script is sandboxed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from libs.common import errors, messages
from libs.common.flow import answer_settings
from libs.common.templating import environment

FAILED: Final = "response"
SANDBOX: Final = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_SCRIPTABLE: Final = re.compile(
    r"(?i)\s*(?:text/html|application/xhtml\+xml|image/svg\+xml|(?:text|application)/xml)\b"
)
_CHARSET: Final = re.compile(r"(?i);\s*charset\s*=\s*\"?([^\s;\"]+)")
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class ResponseTemplate:
    """An answer that has not been rendered: `{status, body, headers}`."""

    value: environment.Templated

    @classmethod
    def of(cls, settings: answer_settings.ResponseSettings) -> "ResponseTemplate":
        """Return the compiled templates of these settings; `InvalidFlow` where one is none."""
        given = {name: getattr(settings, name) for name in settings.model_fields_set}
        return cls(environment.compile_value(given))


def render_response(
    template: ResponseTemplate,
    names: Mapping[str, Any],
    *,
    limits: environment.Limits = environment.DEFAULT,
    seed: str = "",
) -> messages.Response:
    """Return the answer; `TemplateError` where a part does not render or may not be sent."""
    return answer(template.value.render(names, limits=limits, seed=seed))


def answer(rendered: Mapping[str, Any]) -> messages.Response:
    """Return the answer that rendered settings (`status`, `body`, `headers`) are; `TemplateError` for what is none."""
    try:
        status = answer_settings.status_of(rendered.get("status", 200))
    except ValueError as error:
        raise errors.TemplateError(FAILED, f"`status` {error}") from None
    headers = _headers(rendered.get("headers") or {})
    body, is_json = _body(rendered.get("body"))
    _complete(headers, is_json=is_json)
    return messages.Response(status=status, headers=headers, body=body)


def _body(value: Any) -> tuple[str, bool]:
    """Return the body as text, and whether it is JSON. What is no text is written as JSON; nothing is `null`."""
    if not isinstance(value, str):
        return msgspec.json.encode(value).decode(), True
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return value, False
    return value, True


def _headers(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise errors.TemplateError(FAILED, "`headers` must be an object")
    headers: dict[str, str] = {}
    try:
        for name, value in given.items():
            headers[_spelled(answer_settings.header_name(name))] = answer_settings.header_value(name, value)
    except ValueError as error:
        raise errors.TemplateError(FAILED, f"`headers`: {error}") from None
    return headers


def _spelled(name: str) -> str:
    return "Content-Type" if name.lower() == "content-type" else name


def _complete(headers: dict[str, str], *, is_json: bool) -> None:
    """Add what every answer bears."""
    kind = headers.get("Content-Type")
    if not kind:
        kind = "application/json" if is_json else "text/plain; charset=utf-8"
    charset = _CHARSET.search(kind)
    if charset and charset[1].lower() not in _UTF_8:
        raise errors.TemplateError(FAILED, "`headers`: answers are sent in UTF-8; leave the charset out")
    if not charset and kind.lower().lstrip().startswith("text/"):
        kind = f"{kind.rstrip('; ')}; charset=utf-8"
    headers["Content-Type"] = kind
    headers["X-Content-Type-Options"] = "nosniff"
    if _SCRIPTABLE.match(kind):
        headers["Content-Security-Policy"] = SANDBOX
