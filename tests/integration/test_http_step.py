"""The `http` step against servers of its own on loopback, which only a setting lets it call.

Names are resolved by a resolver of the test where a name is the point; nothing leaves this machine.
"""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from libs.common import errors, networks
from services.runner.steps import http_client

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOOPBACK = networks.networks_of("127.0.0.1/32")


class Servers:
    """Servers on 127.0.0.1, and clients; all gone at the end."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []
        self._clients: list[http_client.HttpClient] = []
        self.calls: list[web.Request] = []

    async def serve(self, handler: Handler) -> str:
        async def counted(request: web.Request) -> web.StreamResponse:
            self.calls.append(request)
            return await handler(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", counted)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def client(self, **rules: Any) -> http_client.HttpClient:
        client = http_client.HttpClient(http_client.Rules(**{"allowed": LOOPBACK} | rules))
        self._clients.append(client)
        await client.start()
        return client

    async def stop(self) -> None:
        for part in self._clients:
            await part.stop()
        for runner in self._runners:
            await runner.cleanup()


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    made = Servers()
    yield made
    await made.stop()


def get(url: str, *, timeout_s: float = 10, method: str = "GET", body: bytes | None = None) -> http_client.Request:
    return http_client.Request(method, url, {}, body, timeout_s)


async def refusal(client: http_client.HttpClient, request: http_client.Request) -> errors.StepError:
    with pytest.raises(errors.StepError) as caught:
        await client.send(request)
    return caught.value


async def hello(_: web.Request) -> web.Response:
    return web.json_response({"hello": "world"})


async def test_an_answer_comes_whole(servers: Servers) -> None:
    async def answer(request: web.Request) -> web.Response:
        response = web.Response(status=418, text=await request.text())
        response.headers.add("X-Twice", "1")
        response.headers.add("X-Twice", "2")
        return response

    url = await servers.serve(answer)
    client = await servers.client()

    response = await client.send(get(f"{url}/tea?a=b", method="POST", body=b"hot"))

    assert (response.status, response.body, response.charset) == (418, b"hot", "utf-8")
    assert response.headers["x-twice"] == "1, 2"
    assert response.url == f"{url}/tea?a=b"


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "localhost",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "0.0.0.0",
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_loopback_is_refused_in_every_spelling(servers: Servers, host: str) -> None:
    url = await servers.serve(hello)
    client = await servers.client(allowed=())

    error = await refusal(client, get(url.replace("127.0.0.1", host)))

    assert error.code in ("http_blocked", "http_request", "http_connection")
    assert servers.calls == []


async def test_a_refusal_says_why(servers: Servers) -> None:
    client = await servers.client(allowed=())

    error = await refusal(client, get("http://169.254.169.254/latest/meta-data/"))

    assert error.code == "http_blocked"
    assert "169.254.169.254 is no public address" in error.message


async def test_a_redirect_into_the_private_network_is_refused(servers: Servers) -> None:
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.2:1/secret")

    url = await servers.serve(redirect)
    client = await servers.client()

    error = await refusal(client, get(url))

    assert error.code == "http_blocked"
    assert "127.0.0.2" in error.message


async def test_a_name_is_judged_by_the_address_that_it_leads_to(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rebinding(aiohttp.abc.AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> Any:
            return [
                {"hostname": host, "host": "10.0.0.7", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            ]

        async def close(self) -> None:
            pass

    client = await servers.client()
    session = client._session
    assert session is not None
    assert isinstance(session.connector, aiohttp.TCPConnector)
    monkeypatch.setattr(session.connector, "_resolver", Rebinding())

    error = await refusal(client, get("http://rebind.example.com/"))

    assert error.code == "http_blocked"
    assert "10.0.0.7" in error.message


async def test_an_allowed_address_is_reached_beside_one_that_is_refused(servers: Servers) -> None:
    url = await servers.serve(hello)
    client = await servers.client()

    response = await client.send(get(url.replace("127.0.0.1", "localhost")))

    assert response.status == 200


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://", "nonsense", ""])
async def test_what_is_no_http_address_is_no_request(servers: Servers, url: str) -> None:
    client = await servers.client()

    error = await refusal(client, get(url))

    assert error.code == "http_request"


async def test_a_redirect_to_a_file_is_refused(servers: Servers) -> None:
    async def redirect(_: web.Request) -> web.Response:
        raise web.HTTPFound("file:///etc/passwd")

    client = await servers.client()

    error = await refusal(client, get(await servers.serve(redirect)))

    assert error.code == "http_request"


async def test_redirects_are_followed_up_to_a_limit(servers: Servers) -> None:
    async def redirect(request: web.Request) -> web.Response:
        left = int(request.path.strip("/"))
        if left == 0:
            return web.Response(text="there")
        raise web.HTTPFound(f"/{left - 1}")

    url = await servers.serve(redirect)
    client = await servers.client(max_redirects=3)

    there = await client.send(get(f"{url}/2"))
    error = await refusal(client, get(f"{url}/9"))

    assert (there.body, there.url) == (b"there", f"{url}/0")
    assert error.code == "http_redirects"


async def test_a_slow_server_is_given_up(servers: Servers) -> None:
    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = await servers.client()

    error = await refusal(client, get(await servers.serve(hang), timeout_s=0.05))

    assert (error.code, error.message) == ("http_timeout", "no answer within 0.05 s")


@pytest.mark.parametrize("packed", [False, True])
async def test_a_body_over_the_limit_is_not_read_to_its_end(servers: Servers, packed: bool) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "gzip"} if packed else {})
        await response.prepare(request)
        with_zeros = gzip.compress(bytes(4_000_000)) if packed else bytes(4_000_000)
        with contextlib.suppress(ConnectionError):
            await response.write(with_zeros)
        return response

    client = await servers.client(max_bytes=100_000)

    error = await refusal(client, get(await servers.serve(flood)))

    assert error.code == "http_too_large"


async def test_nobody_there_is_a_connection_error(servers: Servers) -> None:
    client = await servers.client()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    error = await refusal(client, get(f"http://127.0.0.1:{port}/"))

    assert error.code == "http_connection"


async def test_a_broken_answer_is_a_connection_error(servers: Servers) -> None:
    async def drop(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    client = await servers.client()

    error = await refusal(client, get(await servers.serve(drop)))

    assert error.code == "http_connection"


async def test_cookies_are_not_carried_from_one_call_to_the_next(servers: Servers) -> None:
    async def set_cookie(request: web.Request) -> web.Response:
        response = web.Response(text=request.headers.get("Cookie", ""))
        response.set_cookie("session", "of-another-flow")
        return response

    url = await servers.serve(set_cookie)
    client = await servers.client()

    await client.send(get(url))
    again = await client.send(get(url))

    assert again.body == b""


async def test_the_environments_proxy_is_not_used(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    client = await servers.client()

    response = await client.send(get(await servers.serve(hello)))

    assert response.status == 200


async def test_a_header_cannot_hold_a_line_break(servers: Servers) -> None:
    client = await servers.client()
    url = await servers.serve(hello)

    error = await refusal(client, http_client.Request("GET", url, {"X-A": "b\r\nX-C: d"}, None, 5))

    assert error.code == "http_request"
    assert servers.calls == []
