"""Bodies and requests as no well-behaved client sends them, byte by byte."""

import asyncio
import gzip
import json
import random
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.unit.gateway import samples
from tests.unit.gateway.world import World

FLOW = samples.flow()
HEAD = (
    f"POST /v1/flow-webhook/{FLOW.id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {samples.token()}\r\n"
    "Connection: close\r\n"
)


@pytest.fixture
async def small() -> AsyncIterator[World]:
    """A gateway that takes 1,000 bytes within a tenth of a second."""
    world = World(max_body_bytes=1000, body_timeout_s=0.1)
    await world.start()
    world.save(FLOW)
    yield world
    await world.stop()


def head(*lines: str) -> bytes:
    return (HEAD + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def parsed(answer: bytes) -> tuple[int, Any]:
    first, _, rest = answer.partition(b"\r\n")
    return int(first.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


async def test_a_body_in_chunks_is_taken(small: World) -> None:
    answer = await small.raw(head("Transfer-Encoding: chunked"), chunk(b'{"a"'), chunk(b": 1}"), chunk(b""))

    assert parsed(answer) == (200, {"a": 1})


async def test_a_body_in_two_packets_is_taken(small: World) -> None:
    answer = await small.raw(head("Content-Length: 8"), b'{"a"', b": 1}")

    assert parsed(answer) == (200, {"a": 1})


async def test_an_endless_body_in_chunks_is_cut_off(small: World) -> None:
    answer = await small.raw(head("Transfer-Encoding: chunked"), *[chunk(b" " * 400)] * 3)

    status, envelope = parsed(answer)
    assert (status, envelope["error"], envelope["data"]) == (413, "payload_too_large", {"max_bytes": 1000})


async def test_an_announced_excess_is_refused_before_it_is_sent(small: World) -> None:
    answer = await small.raw(head("Content-Length: 1001", "Expect: 100-continue"))

    assert parsed(answer)[0] == 413


async def test_a_body_that_waits_to_be_asked_for_is_asked_for(small: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.gateway.port)

    writer.write(head("Content-Length: 8", "Expect: 100-continue"))
    asked = await reader.readuntil(b"\r\n\r\n")
    writer.write(b'{"a": 1}')
    answer = await reader.read()

    assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert parsed(answer) == (200, {"a": 1})
    writer.close()


async def test_a_body_that_does_not_come_is_given_up(small: World) -> None:
    answer = await small.raw(head("Content-Length: 10"), b"{")

    status, envelope = parsed(answer)
    assert (status, envelope["error"], envelope["data"]) == (408, "timeout", None)
    assert small.runs.empty()


async def test_a_broken_chunk_is_refused(small: World) -> None:
    answer = await small.raw(head("Transfer-Encoding: chunked"), b"zz\r\nnonsense\r\n")

    status, envelope = parsed(answer)
    assert (status, envelope["error"]) == (400, "invalid_payload")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        HEAD.encode() + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        HEAD.encode() + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD.encode() + b"Content-Length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_told_so_in_the_envelope(small: World, request_bytes: bytes) -> None:
    status, envelope = parsed(await small.raw(request_bytes))

    assert (status, envelope["error"]) == (400, "invalid_payload")
    assert envelope["message"] == "The request is not valid HTTP."


@pytest.mark.parametrize("long", ["GET /" + "x" * 9000 + " HTTP/1.1\r\n\r\n", HEAD + "X-A: " + "x" * 9000 + "\r\n\r\n"])
async def test_a_line_that_is_too_long_is_told_so_in_the_envelope(small: World, long: str) -> None:
    status, envelope = parsed(await small.raw(long.encode()))

    assert (status, envelope["error"]) == (400, "invalid_payload")
    assert "8190 bytes" in envelope["message"]


async def test_bytes_in_a_header_that_are_no_text_do_no_harm(small: World) -> None:
    answer = await small.raw(head("Content-Length: 0").replace(b"Host: x", b"Host: x\r\nX-A: \xff\xfe"))

    assert parsed(answer) == (200, {})
    run = await small.runs.get()
    assert run.request is not None
    assert run.request.headers["x-a"] == "\xff\xfe"


async def test_bytes_in_the_query_that_are_no_text_are_refused(small: World) -> None:
    answer = await small.raw(head("Content-Length: 0").replace(b" HTTP/1.1", b"?a=\xff HTTP/1.1", 1))

    assert parsed(answer)[0] == 400


async def test_the_answer_does_not_name_the_software_underneath(small: World) -> None:
    for request in (head("Content-Length: 0"), b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"):
        answer = (await small.raw(request)).lower()

        assert b"server: flowhook" in answer
        assert b"python" not in answer
        assert b"aiohttp" not in answer


async def test_two_requests_in_one_packet_are_answered_in_turn(small: World) -> None:
    first = head("Content-Length: 7").replace(b"Connection: close\r\n", b"") + b'{"a":1}'
    second = head("Content-Length: 7") + b'{"a":2}'

    answer = await small.raw(first + second, answers=2)

    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b'{"a":1}') < answer.index(b'{"a":2}')


# --- encoded bodies and forms


async def test_an_encoded_body_in_chunks_is_taken(small: World) -> None:
    packed = gzip.compress(b'{"a": 1}')

    answer = await small.raw(
        head("Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        chunk(packed[:5]),
        chunk(packed[5:]),
        chunk(b""),
    )

    assert parsed(answer) == (200, {"a": 1})


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_bomb_is_stopped_at_the_limit(small: World, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(b" " * 1_000_000)

    answer = await small.raw(head(f"Content-Encoding: {encoding}", f"Content-Length: {len(bomb)}"), bomb)

    status, envelope = parsed(answer)
    assert (status, envelope["error"], envelope["data"]) == (413, "payload_too_large", {"max_bytes": 1000})


async def test_an_endless_encoded_body_is_cut_off(small: World) -> None:
    noise = gzip.compress(random.Random(1).randbytes(4000))

    answer = await small.raw(head("Content-Encoding: gzip", "Transfer-Encoding: chunked"), *[chunk(noise)] * 3)

    assert parsed(answer)[0] == 413


async def test_an_unknown_encoding_is_told_which_there_are(small: World) -> None:
    answer = await small.raw(head("Content-Encoding: br", "Content-Length: 2"), b"{}")

    status, envelope = parsed(answer)
    assert (status, envelope["error"]) == (415, "unsupported_media_type")
    assert b"accept-encoding: gzip, deflate" in answer.lower()


async def test_an_announced_length_that_is_too_short_cuts_the_body(small: World) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'

    answer = await small.raw(head("Content-Type: multipart/form-data; boundary=x", "Content-Length: 40"), form)

    status, envelope = parsed(answer)
    assert (status, envelope["error"]) == (400, "invalid_payload")


@pytest.mark.parametrize("content_type", ["application/xml", "multipart/form-data; boundary=x", "text/plain"])
async def test_an_endless_body_is_cut_off_whatever_its_type(small: World, content_type: str) -> None:
    answer = await small.raw(
        head(f"Content-Type: {content_type}", "Transfer-Encoding: chunked"), *[chunk(b"<a>" * 200)] * 3
    )

    assert parsed(answer)[0] == 413


async def test_a_blank_body_is_no_empty_one(small: World) -> None:
    for content_type in ("application/json", "application/xml", "text/plain"):
        answer = await small.raw(head(f"Content-Type: {content_type}", "Content-Length: 1"), b" ")

        assert parsed(answer)[0] == 400


async def test_an_encoding_without_a_body_is_nothing_to_undo(small: World) -> None:
    for encoding in ("gzip", "br"):
        answer = await small.raw(head(f"Content-Encoding: {encoding}", "Content-Length: 0"))

        assert parsed(answer) == (200, {})
