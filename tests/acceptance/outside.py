"""The world that flows call: it counts what it is asked, and can keep a caller waiting until it is let go."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.acceptance.processes import eventually


class Outside:
    """A web server on the loopback. Any path answers `{"path": …}`; a held path answers once it is released."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._held: dict[str, asyncio.Event] = {}
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        self.url = ""

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for event in self._held.values():
            event.set()
        await self._runner.cleanup()

    def hold(self, path: str) -> None:
        """Keep whoever asks for this path waiting."""
        self._held[path] = asyncio.Event()

    def release(self, path: str) -> None:
        """Answer all who wait, and from now on at once."""
        self._held[path].set()

    async def asked(self, path: str, times: int = 1) -> None:
        """Return once the path has been asked for so often."""

        async def look() -> bool:
            return self.calls[path] >= times

        await eventually(look, within_s=40, what=f"{times} calls of {path}")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls[request.path] += 1
        if (gate := self._held.get(request.path)) is not None:
            await gate.wait()
        return web.json_response({"path": request.path})
