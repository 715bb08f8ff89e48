"""One log for everything: structured, a line an event, for machines as JSON and for people as text.

What comes from outside cannot forge a line: control characters are escaped in both formats, every line of a traceback
is indented. Secrets do not get in: values under telling names are masked, and so are tokens and passwords in addresses
wherever they stand. The id of a run is bound through `structlog.contextvars`, so that every line of its work bears it.
The standard library's log (aiohttp, aio_pika, asyncio) is routed through the same pipe.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog
from structlog.typing import Processor

from libs.common.config import Settings

MASK: Final = "***"
_SECRET_NAME: Final = re.compile(r"authori[sz]ation|cookie|token|secret|passw|api[-_]?key|credential", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(
    r"(?P<address>://[^\s/:@]*:)[^\s/@]+(?=@)"  # the password in an address
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]+"
    r"|\bey[\w-]{10,}\.[\w-]+\.[\w-]*"  # a webhook token
    r"|\bfh_pat_[\w-]+",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CHATTY: Final = ("aiormq", "aio_pika", "asyncio", "aiohttp.access", "testcontainers")
_COLOURS: Final = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "1;31"}

Event = MutableMapping[str, Any]


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up the process's log as the settings say; on the standard error unless a stream is given."""
    output = stream or sys.stderr
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and output.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*_shared(), render_text(colour=output.isatty()) if as_text else render_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(output),
    )
    logging.basicConfig(handlers=[_Router()], level=level, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        mask_secrets,
    ]


class _Router(logging.Handler):
    """Sends the standard library's records the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record under its logger's name."""
        try:
            structlog.get_logger().log(
                record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
            )
        except Exception:  # a log never breaks what it tells of
            self.handleError(record)


def mask_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Replace what must not be read: values under telling names, and tokens in any text."""
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _masked(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(key, inner) for inner in value]
    if isinstance(value, bool | int | float | None):
        return value
    if _SECRET_NAME.search(key):
        return MASK
    return _SECRET_TEXT.sub(_keep_name, value if isinstance(value, str) else repr(value))


def _keep_name(match: re.Match[str]) -> str:
    return (match["address"] or match["scheme"] or "") + MASK


def render_json(_logger: Any, _method: str, event: Event) -> str:
    """Render a line of JSON in ASCII, so that no character of it can end a line or move a cursor."""
    return json.dumps(event, ensure_ascii=True, default=repr)


def render_text(*, colour: bool) -> Processor:
    """Return what renders a line for people: time, level, word, fields."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    def render(_logger: Any, _method: str, event: Event) -> str:
        time = str(event.pop("timestamp", ""))[11:19]
        level = str(event.pop("level", "info"))
        word = escape(str(event.pop("event", "")))
        blocks = [escape_block(str(event.pop(name))) for name in ("stack", "exception") if name in event]
        fields = (f"{paint('2', escape(str(key)) + '=')}{_shown(value)}" for key, value in event.items())
        line = "  ".join((paint("2", time), paint(_COLOURS.get(level, "0"), f"{level:<7}"), word, *fields))
        return "\n".join((line, *blocks))

    return render


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr)
    text = escape(text)
    return f'"{text}"' if isinstance(value, str) and (" " in text or not text) else text


def escape(text: str) -> str:
    """Return the text with its control characters written as escapes."""
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


def escape_block(text: str) -> str:
    """Return several lines, each escaped and indented, so that none of them looks like a line of the log."""
    return "\n".join(f"    {escape(line)}" for line in text.splitlines())
