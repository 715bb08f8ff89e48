"""Every error of the API leaves here as the one envelope; which error becomes which answer is one table."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiohttp import web

from libs.common import errors
from services.debugger import database
from services.debugger.api import answers

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RETRY_AFTER_S: Final = 5


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error of a handler, and of the router, with the envelope."""
    try:
        return await handler(request)
    except Exception as error:
        known = as_request_error(error)
        if known is None:
            log.exception("api_call_failed", method=request.method, path=request.path)
            known = errors.RequestError("Something went wrong here; the service's log says what.")
        return answers.json_answer(known.envelope(), status=known.status, headers=known.headers)


def as_request_error(error: Exception) -> errors.RequestError | None:
    """Return what the caller is told, or None for what nobody has foreseen."""
    if isinstance(error, errors.RequestError):
        return error
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    if isinstance(error, database.AWAY) and database.is_away(error):
        return errors.Unavailable(
            "The database cannot be reached now; try again.", headers={"Retry-After": str(RETRY_AFTER_S)}
        )
    return None


def invalid(*faults: errors.Fault) -> errors.InvalidRequest:
    """Return the refusal that lists every fault."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    return errors.InvalidRequest(f"{count}; `data.faults` lists all.", data={"faults": [_fault(f) for f in faults]})


def _fault(fault: errors.Fault) -> dict[str, Any]:
    place = {} if fault.line is None else {"line": fault.line, "column": fault.column}
    return {"path": fault.path, "message": fault.message, **place}


def _method(error: web.HTTPMethodNotAllowed) -> errors.RequestError:
    allowed = ", ".join(sorted(error.allowed_methods))
    return errors.MethodNotAllowed(f"{error.method} is not possible here.", headers={"Allow": allowed})


_TRANSLATIONS: Final[tuple[tuple[Any, Callable[[Any], errors.RequestError]], ...]] = (
    (errors.InvalidFlow, lambda error: invalid(*error.faults)),
    (web.HTTPNotFound, lambda _: errors.NotFound("There is nothing at this address.")),
    (web.HTTPMethodNotAllowed, _method),
    (web.HTTPRequestEntityTooLarge, lambda _: errors.PayloadTooLarge("The body is longer than this service takes.")),
    (web.RequestPayloadError, lambda _: errors.InvalidPayload("The body cannot be read as its headers describe it.")),
)
