"""Whatever knocks: any bytes as body, content type, encoding and query have a documented answer, at once."""

import asyncio
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.gateway import samples
from tests.unit.gateway.test_any_payload import BODIES, CHARSETS, TYPES
from tests.unit.gateway.world import World

ANSWER_WITHIN_S = 20
DOCUMENTED = {200, 400, 413, 415}

LINE_ENDS = b"\r\n"
HEADER_BYTES = st.binary(max_size=40).map(lambda value: value.translate(None, LINE_ENDS))
CONTENT_TYPES = st.tuples(TYPES, CHARSETS).map(lambda pair: "".join(pair).encode()) | HEADER_BYTES
ENCODINGS = st.sampled_from([b"", b"identity", b"gzip", b"deflate", b"gzip, deflate", b"br", b"gzip, gzip, gzip"])
QUERIES = st.sampled_from([b"", b"a=1&a=2", b"%", b"%ff", b"=&&=", b"a[]=1"]) | HEADER_BYTES


def request_of(path: str, query: bytes, content_type: bytes, encoding: bytes, body: bytes) -> bytes:
    """Return a request as bytes, which may be no HTTP any more."""
    lines = [
        b"POST %b?%b HTTP/1.1" % (path.encode(), query),
        b"Host: localhost",
        b"Connection: close",
        b"Authorization: Bearer %b" % samples.token().encode(),
        b"Content-Type: %b" % content_type,
        b"Content-Encoding: %b" % encoding,
        b"Content-Length: %d" % len(body),
    ]
    return b"\r\n".join([*lines, b"", body])


async def whole_answer(port: int, request: bytes) -> tuple[int, bytes]:
    """Return status and body; `TimeoutError` where the connection is not ended in time."""
    async with asyncio.timeout(ANSWER_WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES, content_type=CONTENT_TYPES, encoding=ENCODINGS | HEADER_BYTES, body=BODIES)
async def test_any_request_has_a_documented_answer(
    world: World, query: bytes, content_type: bytes, encoding: bytes, body: bytes
) -> None:
    flow = world.save(samples.flow())
    request = request_of(f"/v1/flow-webhook/{flow.id}", query, content_type, encoding, body)

    status, answer = await whole_answer(world.gateway.port, request)

    assert status in DOCUMENTED
    if status != 200:
        envelope = json.loads(answer)
        assert envelope.keys() == {"status", "error", "message", "data"}
        assert envelope["status"] == status
