"""What the HTTP libraries that most Python senders use make of a request, as the flow sees it."""

import asyncio
import io
from typing import Any

import httpx
import msgspec
import requests

from tests.unit.gateway import samples
from tests.unit.gateway.test_clients import CONTENT, file
from tests.unit.gateway.world import World

FLOW = samples.flow()
AUTHORIZED = {"Authorization": f"Bearer {samples.token()}"}
JSON = {"a": ["ä", 12345678901234567890, None], "b": {"c": 1.5}}


def url(world: World) -> str:
    world.save(FLOW)
    return f"http://127.0.0.1:{world.gateway.port}/v1/flow-webhook/{FLOW.id}"


async def with_requests(world: World, **options: Any) -> Any:
    """Send with `requests`, which blocks, in a thread, and return the answer, which is the flow's input."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy of this machine's
        answer = await asyncio.to_thread(session.post, url(world), headers=AUTHORIZED, timeout=20, **options)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content)


async def with_httpx(world: World, **options: Any) -> Any:
    """Send with `httpx` and return the answer, which is the flow's input."""
    async with httpx.AsyncClient(headers=AUTHORIZED, timeout=20, trust_env=False) as client:
        answer = await client.post(url(world), **options)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content)


async def test_requests_with_json_and_parameters(world: World) -> None:
    values = await with_requests(world, json=JSON, params={"q": ["1", "2"], "b": "query"})

    assert values == {**JSON, "q": ["1", "2"]}


async def test_requests_with_a_form(world: World) -> None:
    assert await with_requests(world, data={"a": ["ä &", ""], "b": "x y"}) == {"a": ["ä &", ""], "b": "x y"}


async def test_requests_with_a_file(world: World) -> None:
    files = {"f": ("ä b.bin", CONTENT, "image/png")}

    values = await with_requests(world, data={"a": "ä"}, files=files)

    assert values == {"a": "ä", "f": file("ä b.bin", "image/png")}


async def test_requests_with_a_body_in_chunks(world: World) -> None:
    values = await with_requests(world, data=iter([b'{"a":', b" [1, 2]}"]))

    assert values == {"a": [1, 2]}


async def test_httpx_with_json_and_parameters(world: World) -> None:
    values = await with_httpx(world, json=JSON, params={"q": ["1", "2"], "b": "query"})

    assert values == {**JSON, "q": ["1", "2"]}


async def test_httpx_with_a_form(world: World) -> None:
    assert await with_httpx(world, data={"a": ["ä &", ""], "b": "x y"}) == {"a": ["ä &", ""], "b": "x y"}


async def test_httpx_with_a_file(world: World) -> None:
    files = {"f": ("ä b.bin", io.BytesIO(CONTENT), "image/png")}

    values = await with_httpx(world, data={"a": "ä"}, files=files)

    assert values == {"a": "ä", "f": file("ä b.bin", "image/png")}
