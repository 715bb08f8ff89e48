"""What browsers ask and are told before a web page of another origin may call a flow and read its answer (CORS)."""

from typing import Final

from aiohttp import web

from libs.common import errors
from libs.common.flow.cross_origin import Cors
from services.gateway import address, responses

READABLE: Final = ", ".join(
    (responses.RUN_ID, responses.REPLAY, "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate")
)

_CORS: Final = web.RequestKey("cors", Cors)
_ASKED: Final = "Access-Control-Request-Method"


def is_preflight(request: web.BaseRequest) -> bool:
    """Tell whether a browser asks for leave, instead of somebody who calls with a method that there is not."""
    return request.method == "OPTIONS" and "Origin" in request.headers and _ASKED in request.headers


def note(request: web.BaseRequest, cors: Cors | None) -> None:
    """Let the answer, whatever it will be, say whether pages may read it."""
    if cors is not None:
        request[_CORS] = cors


def leave(request: web.BaseRequest, cors: Cors | None) -> web.Response:
    """Answer a preflight; `MethodNotAllowed` where the flow takes none, `Forbidden` where another page may call."""
    if cors is None:
        raise address.not_allowed()
    if cors.allowed(request.headers.get("Origin")) is None:
        raise errors.Forbidden("This flow takes no calls from pages of this origin. See `cors` of its webhook step.")
    granted = {
        "Access-Control-Allow-Methods": address.ALLOW,
        "Access-Control-Allow-Headers": cors.headers,
        "Access-Control-Max-Age": cors.max_age,
    }
    return responses.empty(granted)


def describe(request: web.BaseRequest, answer: web.Response) -> None:
    """Put on the answer which page may read it, and what of its headers."""
    cors = request.get(_CORS)
    if cors is None:
        return
    if not cors.for_all:
        others = answer.headers.get("Vary")
        answer.headers["Vary"] = f"{others}, Origin" if others else "Origin"
    origin = cors.allowed(request.headers.get("Origin"))
    answer.headers.popall("Access-Control-Allow-Origin", None)
    if origin is not None:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Access-Control-Expose-Headers"] = READABLE
