"""`flowhook dev`: everything in one process, until Ctrl-C or SIGTERM."""

import asyncio
import sys

from flowhook import banner
from flowhook.all_in_one import AllInOne
from flowhook.dev_settings import DevSettings
from libs.common import lifecycle, logs


def main() -> None:
    """Run until a signal comes; `StartError` if it cannot."""
    settings = DevSettings.load()
    logs.configure(settings)
    asyncio.run(serve(settings))


async def serve(settings: DevSettings) -> None:
    """Start, tell where everything is, wait for a signal, stop. A signal counts during the start, too."""
    stopping = asyncio.Event()
    lifecycle.stop_on_signals(stopping)
    installation = AllInOne(settings)
    try:
        if await _finished_before(stopping, installation):
            text = banner.draw(installation.place, installation.examples, colour=sys.stdout.isatty())
            print(text, flush=True)
            await stopping.wait()
    finally:
        await installation.stop()


async def _finished_before(stopping: asyncio.Event, installation: AllInOne) -> bool:
    starting = asyncio.ensure_future(installation.start())
    stopped = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return False
    starting.result()
    return True
