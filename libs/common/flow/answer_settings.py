"""The settings of an answer: what stands under `response` in `webhook` and `terminate`."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from libs.common.flow import model
from libs.common.templating import source

LOWEST, HIGHEST = 200, 599
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOP: Final = "concerns one connection, not the answer"
_NOT_SETTABLE: Final[dict[str, str]] = {
    **dict.fromkeys(("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"), _HOP),
    **dict.fromkeys(("proxy-authenticate", "proxy-authorization", "proxy-connection"), _HOP),
    **dict.fromkeys(("set-cookie", "set-cookie2"), "would set cookies for all flows"),
    **dict.fromkeys(
        ("content-security-policy", "content-security-policy-report-only", "x-content-type-options"),
        "protects whoever opens the answer",
    ),
    **dict.fromkeys(("content-length", "content-encoding", "date", "server"), "is set by the server"),
    **dict.fromkeys(("flowhook-run-id", "flowhook-idempotent-replay"), "is set by Flowhook"),
}


def status_of(value: Any) -> int:
    """Return a status that is a number or a text of three digits; ValueError otherwise."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{3}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
        raise ValueError(f"must be three digits, from {LOWEST} to {HIGHEST}")
    return value


def header_name(name: str) -> str:
    """Return a header's name if a flow may set it; ValueError, saying why, if not."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is no name of a header")
    why = _NOT_SETTABLE.get(name.lower())
    if why is not None:
        raise ValueError(f"the header {name} {why}")
    return name


def header_value(name: str, value: Any) -> str:
    """Return a header's value as text; ValueError for what would end the line or is no scalar."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise ValueError(f"the header {name} must be a text")
    text = str(value).strip(" \t")
    if any((character < " " and character != "\t") or character == "\x7f" for character in text):
        raise ValueError(f"the header {name} holds a line break or another control character")
    return text


def _headers(headers: dict[str, Any]) -> dict[str, Any]:
    wrong = []
    seen: set[str] = set()
    for name, value in headers.items():
        try:
            header_name(name)
            if not (isinstance(value, str) and source.is_template(value)):
                header_value(name, value)
        except ValueError as error:
            wrong.append(str(error))
        if name.lower() in seen:
            wrong.append(f"the header {name} stands twice")
        seen.add(name.lower())
    if wrong:
        raise ValueError("; ".join(wrong))
    return headers


class ResponseSettings(model.Strict):
    """The answer's status, body and headers, each of which may hold templates."""

    status: Annotated[Any, BeforeValidator(status_of), model.OrTemplate] = 200
    body: Any = None
    headers: Annotated[dict[str, Any], AfterValidator(_headers)] = Field(default_factory=dict)
