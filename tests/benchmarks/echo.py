"""The yardstick: a bare aiohttp server that parses a JSON body and sends it back.

python -m tests.benchmarks.echo PORT
"""

import asyncio
import sys

import msgspec
from aiohttp import web


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """Send back what came."""
    content = msgspec.json.decode(await request.read())
    return web.Response(body=msgspec.json.encode(content), content_type="application/json")


async def serve(port: int) -> None:
    """Serve until the process ends."""
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(int(sys.argv[1])))
    else:
        uvloop.run(serve(int(sys.argv[1])))
