"""HTTP for flows: guarded, bounded, without memory.

Every connection is checked where its socket is made, by the address that it goes to: names, literals in any spelling,
each redirect and each answer of a name server that has changed its mind. No proxy of the environment is used, since
then only the proxy's address would be seen. No cookie outlives its request.
"""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from libs.common import errors, networks
from services.runner.steps import addresses

CHUNK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Rules:
    """`allowed` networks may be called though they are not public; the rest bounds every call."""

    allowed: tuple[networks.Network, ...] = ()
    max_bytes: int = 4 * 1024 * 1024  # of a response's body, decoded
    max_redirects: int = 5


@dataclass(frozen=True, slots=True)
class Request:
    """A call to be made. `body` is None or bytes whose type is in `headers`."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whole. `headers` have lower-case names; `url` is the one that answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    charset: str | None
    url: str


class BlockedAddress(OSError):
    """A connection that is not made."""

    def __init__(self, host: str) -> None:
        super().__init__(errno.EACCES, f"{host} is no public address (FLOWHOOK_HTTP_ALLOW names exceptions)")


class HttpClient:
    """One session for all calls of a runner; a part of its process."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session."""
        connector = aiohttp.TCPConnector(socket_factory=self._socket, limit=0)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "Flowhook"},
            raise_for_status=False,
            trust_env=False,
        )

    async def stop(self) -> None:
        """Close it with all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _socket(self, info: Any) -> socket.socket:
        """Make the socket for one address, or refuse it."""
        family, kind, protocol, _, target = info
        if not addresses.may_be_called(target[0], self._rules.allowed):
            raise BlockedAddress(target[0])
        return socket.socket(family, kind, protocol)

    async def send(self, request: Request) -> Response:
        """Make the call and read its answer, whatever its status; `StepError` if there is none."""
        if self._session is None:
            raise errors.StepError("http_connection", "the runner is stopping")
        try:
            return await self._send(self._session, request)
        except TimeoutError as error:
            raise errors.StepError("http_timeout", f"no answer within {request.timeout_s:g} s") from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            raise errors.StepError("http_request", f"{error} is no address that can be called") from error
        except aiohttp.TooManyRedirects as error:
            raise errors.StepError("http_redirects", f"more than {self._rules.max_redirects} redirects") from error
        except aiohttp.ClientError as error:
            raise _connection_error(error) from error
        except (ValueError, TypeError) as error:  # a method or header that cannot be sent
            raise errors.StepError("http_request", f"the request cannot be sent: {error}") from error
        except OSError as error:
            raise errors.StepError("http_connection", str(error)) from error

    async def _send(self, session: aiohttp.ClientSession, request: Request) -> Response:
        async with session.request(
            request.method,
            URL(request.url),
            headers=request.headers,
            data=request.body,
            max_redirects=self._rules.max_redirects,
            timeout=aiohttp.ClientTimeout(total=request.timeout_s),
        ) as answer:
            body = await self._read(answer)
            return Response(answer.status, _joined(answer.headers), body, answer.charset, str(answer.url))

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """Read the body within its limit, which counts decoded bytes and trusts no header."""
        body = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
            body += chunk
            if len(body) > self._rules.max_bytes:
                answer.close()
                raise errors.StepError("http_too_large", f"the answer is longer than {self._rules.max_bytes} bytes")
        return bytes(body)


def _connection_error(error: aiohttp.ClientError) -> errors.StepError:
    cause = getattr(error, "os_error", error)
    blocked = isinstance(cause, OSError) and cause.errno == errno.EACCES
    return errors.StepError("http_blocked" if blocked else "http_connection", str(cause) or type(error).__name__)


def _joined(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Return headers by lower-case name; repeated ones in one value, as HTTP allows."""
    joined: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
