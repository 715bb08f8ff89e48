"""Parsing what is large does not hold up who else is served."""

import asyncio
import gzip

import pytest
from aiohttp.test_utils import make_mocked_request

from services.gateway import contents

LARGE = b"<r>" + b'<i a="1">b</i>' * 20_000 + b"</r>"


@pytest.mark.parametrize(("encoding", "received"), [("identity", LARGE), ("gzip", gzip.compress(LARGE))])
async def test_the_loop_turns_while_a_large_body_is_parsed(encoding: str, received: bytes) -> None:
    request = make_mocked_request("POST", "/", {"Content-Type": "text/xml", "Content-Encoding": encoding})
    reading = asyncio.create_task(contents.read(request, "q=1", received, limit=1 << 20))
    turns = 0

    while not reading.done():
        turns += 1
        await asyncio.sleep(0)

    content = await reading
    assert len(content.values["r"]["i"]) == 20_000
    assert content.values["q"] == "1"
    assert turns > 10
