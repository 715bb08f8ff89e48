"""Senders that are slow or say nothing: they are given up in time, and do not hold up others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.unit.gateway import samples
from tests.unit.gateway.world import World

FLOW = samples.flow()
HEAD = b"POST /v1/flow-webhook/%b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % (
    FLOW.id.encode(),
    samples.token().encode(),
)
SLOW = 300
SERVED_WITHIN_S = 30


@pytest.fixture
async def hasty() -> AsyncIterator[World]:
    """A gateway that does not wait long."""
    world = World(idle_timeout_s=0.2, body_timeout_s=0.2)
    await world.start()
    world.save(FLOW)
    yield world
    await world.stop()


@asynccontextmanager
async def connection(world: World, *sent: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """Give a connection on which so much was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.gateway.port)
    for piece in sent:
        writer.write(piece)
    await writer.drain()
    yield reader
    writer.close()


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """Return what comes until the gateway ends the connection."""
    async with asyncio.timeout(SERVED_WITHIN_S):
        return await reader.read()


@pytest.mark.parametrize("sent", [b"", b"POST /v1", HEAD], ids=["nothing", "a part of a line", "a part of the head"])
async def test_connection_without_a_whole_head_is_closed(hasty: World, sent: bytes) -> None:
    async with connection(hasty, sent) as reader:
        assert await all_of(reader) == b""


async def test_head_that_trickles_in_is_given_up_all_the_same(hasty: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hasty.gateway.port)
    ended = asyncio.ensure_future(all_of(reader))

    sent = 0
    while not ended.done() and sent < len(HEAD):
        writer.write(HEAD[sent : sent + 1])
        sent += 1
        await asyncio.wait([ended], timeout=0.05)

    writer.close()
    assert ended.done()
    assert sent < len(HEAD)


async def test_connection_is_closed_when_no_other_request_follows(hasty: World) -> None:
    async with connection(hasty, HEAD, b"Content-Length: 2\r\n\r\n{}") as reader:
        answer = await all_of(reader)

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_body_that_stops_is_given_up(hasty: World) -> None:
    async with connection(hasty, HEAD, b"Connection: close\r\nContent-Length: 100\r\n\r\n{") as reader:
        answer = await all_of(reader)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert hasty.runs.empty()


@pytest.mark.parametrize(
    "sent", [b"", HEAD, HEAD + b"Content-Length: 100\r\n\r\n{"], ids=["idle", "in the head", "in the body"]
)
async def test_many_slow_senders_do_not_hold_up_another(world: World, sent: bytes) -> None:
    world.save(FLOW)

    async with AsyncExitStack() as slow:
        for _ in range(SLOW):
            await slow.enter_async_context(connection(world, sent))
        async with asyncio.timeout(SERVED_WITHIN_S):
            replies = await asyncio.gather(*(world.call(FLOW, data=b'{"a": 1}') for _ in range(50)))

    assert {reply.status for reply in replies} == {200}
