"""What a browser makes of a form and of `fetch`, as the flow sees it. Skipped where no Chromium is installed."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from libs.common import messages
from tests.unit.gateway import samples
from tests.unit.gateway.test_clients import CONTENT, file
from tests.unit.gateway.world import World

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WITHIN_S = 60

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)"),
]

OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--no-proxy-server", "--remote-debugging-port=0"),
]

Visit = Callable[[str], Awaitable[str]]


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    """Serve a page at an origin of its own and open it in a browser; gives the origin."""
    ends: list[Callable[[], Awaitable[None]]] = []

    async def visit(page: str) -> str:
        async def serve(_: web.BaseRequest) -> web.Response:
            return web.Response(text=page, content_type="text/html")

        runner = web.ServerRunner(web.Server(serve, access_log=None))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ends.append(runner.cleanup)
        port = runner.addresses[0][1]
        ends.append(await open_browser(f"http://127.0.0.1:{port}/", tmp_path))
        return f"http://127.0.0.1:{port}"

    yield visit
    for end in reversed(ends):
        await end()


async def open_browser(url: str, folder: Path) -> Callable[[], Awaitable[None]]:
    """Start a browser, in a process group of its own, and return what ends all of it."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *OPTIONS,
        f"--user-data-dir={folder / 'profile'}",
        url,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        start_new_session=True,
    )

    async def end() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    return end


def address(world: World, *, cors: dict[str, Any] | None = None, auth: str = "none") -> tuple[str, str]:
    """Return the address of a new flow, and its token."""
    flow = world.save(samples.flow(saved=samples.document(auth=auth, cors=cors)))
    return f"http://127.0.0.1:{world.gateway.port}/v1/flow-webhook/{flow.id}", samples.token(flow.id)


async def next_run(world: World) -> messages.RunRequest:
    async with asyncio.timeout(WITHIN_S):
        return await world.runs.get()


async def next_input(world: World) -> Any:
    return msgspec.json.decode(bytes((await next_run(world)).input))


async def test_form_of_a_page(world: World, visit: Visit) -> None:
    url, _ = address(world)

    await visit(f"""<meta charset="utf-8"><form method="post" action="{url}">
        <input name="a" value="ä &amp; +%"><input name="a" value=""><textarea name="b">x\ny</textarea>
        </form><script>document.forms[0].submit()</script>""")

    assert await next_input(world) == {"a": ["ä & +%", ""], "b": "x\r\ny"}


async def test_form_of_a_page_with_files(world: World, visit: Visit) -> None:
    url, _ = address(world)

    await visit(f"""<meta charset="utf-8"><form method="post" action="{url}" enctype="multipart/form-data">
        <input name="a" value="ä"><input name="f" type="file"><input name="none" type="file"></form><script>
        const content = Uint8Array.from({{length: {len(CONTENT)}}}, (_, at) => at % 256), files = new DataTransfer();
        files.items.add(new File([content], 'ä "b".bin', {{type: "image/png"}}));
        document.forms[0].elements.f.files = files.files;
        document.forms[0].submit()</script>""")

    assert await next_input(world) == {"a": "ä", "f": file('ä "b".bin', "image/png"), "none": None}


async def test_fetch_of_a_page_that_may_call(world: World, visit: Visit) -> None:
    url, token = address(world, cors={"origins": ["*"]}, auth="token")

    await visit(f"""<meta charset="utf-8"><script>
        const headers = {{"Content-Type": "application/json", "Authorization": "Bearer {token}"}};
        const send = body => fetch("{url}", {{method: "PUT", headers, body: JSON.stringify(body)}});
        send({{a: ["ä", 1]}})
            .then(async first => send({{status: first.status, id: first.headers.get("Flowhook-Run-Id"),
                left: first.headers.get("RateLimit") !== null, body: await first.json()}}))
        </script>""")

    first, second = await next_run(world), await next_input(world)
    assert second == {"status": 200, "id": first.run_id, "left": True, "body": {"a": ["ä", 1]}}


async def test_fetch_of_a_page_that_may_not_call(world: World, visit: Visit) -> None:
    forbidden, _ = address(world, cors={"origins": ["https://shop.example"]})
    tells, _ = address(world)

    await visit(f"""<script>
        const tell = what => fetch("{tells}", {{method: "POST", mode: "no-cors", body: JSON.stringify({{what}})}});
        fetch("{forbidden}", {{method: "PUT", body: "{{}}"}}).then(() => tell("called"), () => tell("kept from it"))
        </script>""")

    assert await next_input(world) == {"what": "kept from it"}
