"""What real clients make of a form, a file or a compressed body, as the flow sees it."""

import asyncio
import base64
import gzip
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.unit.gateway import samples
from tests.unit.gateway.world import World

FLOW = samples.flow()
CONTENT = bytes(range(256)) * 50


def file(filename: str, content_type: str) -> dict[str, Any]:
    return {
        "filename": filename,
        "content_type": content_type,
        "size": len(CONTENT),
        "content": base64.b64encode(CONTENT).decode(),
    }


async def curl(world: World, *arguments: str) -> Any:
    """Call the flow with curl and return its answer, which is its input."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    world.save(FLOW)
    process = await asyncio.create_subprocess_exec(
        "curl",
        "--silent",
        "--fail-with-body",
        "--max-time",
        "20",
        "--header",
        f"Authorization: Bearer {samples.token()}",
        *arguments,
        f"http://127.0.0.1:{world.gateway.port}/v1/flow-webhook/{FLOW.id}",
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    assert process.returncode == 0, answer
    return msgspec.json.decode(answer)


async def test_curl_with_data(world: World) -> None:
    assert await curl(world, "-d", "a=1", "-d", "b=x y", "-d", "a=") == {"a": ["1", ""], "b": "x y"}
    assert await curl(world, "-d", '{"a": [1]}') == {"a": [1]}


async def test_curl_with_data_that_it_escapes(world: World) -> None:
    assert await curl(world, "--data-urlencode", "a=ä &+%=1\n", "--data-urlencode", "b=") == {"a": "ä &+%=1\n", "b": ""}


async def test_curl_with_a_form_and_a_file(world: World, tmp_path: Path) -> None:
    sent = tmp_path / 'a "b" ä.bin'
    sent.write_bytes(CONTENT)
    quoted = str(sent).replace('"', '\\"')

    values = await curl(world, "-F", "a=ä;type=application/json", "-F", "b=", "-F", f'f=@"{quoted}";type=image/png')

    assert values == {"a": "ä", "b": "", "f": file(sent.name, "image/png")}


async def test_curl_with_a_compressed_body(world: World, tmp_path: Path) -> None:
    sent = tmp_path / "body.gz"
    sent.write_bytes(gzip.compress(b"<a><b>1</b></a>"))

    values = await curl(
        world,
        "--compressed",
        *("--data-binary", f"@{sent}", "-H", "Content-Encoding: gzip", "-H", "Content-Type: text/xml"),
    )

    assert values == {"a": {"b": "1"}}


async def test_aiohttp_with_a_form_and_files(world: World) -> None:
    world.save(FLOW)
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("a", "ä\r\n\0")
    form.add_field("f", CONTENT, filename="ä b.bin", content_type="image/png")
    form.add_field("f", CONTENT, filename="c")

    reply = await world.send(
        "POST",
        f"/v1/flow-webhook/{FLOW.id}?a=query",
        data=form,
        headers={"Authorization": f"Bearer {samples.token()}"},
    )

    files = [file("ä b.bin", "image/png"), file("c", "application/octet-stream")]
    assert reply.json == {"a": "ä\r\n\0", "f": files}


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_aiohttp_with_a_compressed_body_in_chunks(world: World, encoding: str) -> None:
    world.save(FLOW)

    reply = await world.call(FLOW, json={"a": "x" * 10_000}, compress=encoding)

    assert reply.json == {"a": "x" * 10_000}
