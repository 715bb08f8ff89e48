"""The HTTP server: one handler without a router, and every error in the envelope, aiohttp's own included."""

import asyncio
import errno
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from libs.common import errors
from services.gateway import metrics, responses
from services.gateway.acceptance import Acceptance
from services.gateway.webhooks import Webhooks

log = structlog.get_logger(__name__)

MAX_LINE: Final = 8190  # bytes of the request line, and of a header
BACKLOG: Final = 1024

_OPTIONS: Final[dict[str, Any]] = {
    "access_log": None,
    "auto_decompress": False,  # a decoded body has limits of its own, and a signature is over the bytes as they came
    "lingering_time": 2.0,  # how long what is left of a refused body is read, so that its sender sees the answer
    "max_line_size": MAX_LINE,
    "max_field_size": MAX_LINE,
    "tcp_keepalive": True,
}


class GatewayServer:
    """Listens, and stops in order: no new connections, those who wait are answered, connections end."""

    def __init__(
        self,
        webhooks: Webhooks,
        acceptance: Acceptance,
        *,
        host: str,
        port: int,
        idle_timeout_s: float,
        stop_grace_s: float,
    ) -> None:
        self._webhooks = webhooks
        self._acceptance = acceptance
        self._host = host
        self._wanted_port = port
        self._idle_timeout_s = idle_timeout_s
        self._stop_grace_s = stop_grace_s
        self._server: _Server | None = None
        self._listening: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._listening is not None
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    @property
    def open(self) -> bool:
        """Whether it listens."""
        return self._listening is not None

    async def start(self) -> None:
        """Listen; `StartError` if the address is taken."""
        self._server = _Server(self._handle, keepalive_timeout=self._idle_timeout_s)
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                self._server, self._host, self._wanted_port, backlog=BACKLOG
            )
        except OSError as error:
            raise errors.StartError(_why_not(error, self._host, self._wanted_port)) from error
        log.info("webhooks_open", host=self._host, port=self.port)

    async def stop(self) -> None:
        """Answer what is under way and end all connections."""
        listening, self._listening = self._listening, None
        if listening is None or self._server is None:
            return
        listening.close()
        self._server.pre_shutdown()
        self._acceptance.close()
        await self._server.shutdown(self._stop_grace_s)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            answer = await self._webhooks.answer(request)
        except errors.RequestError as error:
            answer = responses.failed(error)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("request_failed")
            answer = responses.failed(_internal())
        self._webhooks.describe(request, answer)
        metrics.answers(answer.status).inc()
        return answer


class _Connection(web.RequestHandler):
    """A connection whose own errors are answered in the envelope, too."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what is no HTTP; the connection is closed after it."""
        if isinstance(exc, ConnectionError):
            raise exc  # the sender has gone
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was on its way already")
        log.debug("request_unreadable", status=status, why=type(exc).__name__)
        answer = responses.failed(_not_http(exc) if status < 500 else _internal())
        answer.force_close()
        return answer


class _Server(web.Server):
    """Makes our connections instead of aiohttp's; `keepalive_timeout` also ends those without a whole request head."""

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **_OPTIONS, **self._kwargs)


def _not_http(error: BaseException | None) -> errors.RequestError:
    if isinstance(error, LineTooLong):
        return errors.InvalidPayload(f"The address or a header is longer than {MAX_LINE} bytes.")
    return errors.InvalidPayload("The request is not valid HTTP.")


def _internal() -> errors.RequestError:
    return errors.RequestError("Something went wrong here. Try again, and tell whoever runs this installation.")


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken. End what listens there, or set FLOWHOOK_GATEWAY_PORT to another port."
    return f"The gateway cannot listen on {host} port {port}: {error.strerror}. See FLOWHOOK_HOST."
