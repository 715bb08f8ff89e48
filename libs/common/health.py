"""What a service says about itself on its admin port: that it lives, what it cannot do just now, and its figures."""

from collections.abc import Callable

import prometheus_client
from aiohttp import web

from libs.common import errors


class Readiness:
    """Named conditions, asked anew each time: red while one fails, green again by itself."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], bool]] = {}

    def add(self, name: str, check: Callable[[], bool]) -> None:
        """Add a condition; `check` must be quick, since it is asked in the event loop."""
        self._checks[name] = check

    def failing(self) -> list[str]:
        """Return the names of the conditions that do not hold now."""
        return [name for name, check in self._checks.items() if not check()]


class AdminServer:
    """Serves `/healthz`, `/readyz` and `/metrics`; `port` is the one that it really has, once it stands."""

    def __init__(self, host: str, port: int, readiness: Readiness) -> None:
        self.port = port
        self._host = host
        self._readiness = readiness
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen; `StartError` if the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        self.port = await listen(self._runner, self._host, self.port, setting="FLOWHOOK_ADMIN_PORT")

    async def stop(self) -> None:
        """Stop listening."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _ready(self, _request: web.Request) -> web.Response:
        failing = self._readiness.failing()
        return web.json_response({"ready": not failing, "failing": failing}, status=503 if failing else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=prometheus_client.generate_latest(), headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST}
        )


async def listen(runner: web.AppRunner, host: str, port: int, *, setting: str) -> int:
    """Let a prepared server listen and return its port; `StartError` names the setting if that cannot be."""
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise errors.StartError(
            f"Cannot listen on {host}:{port}: {_why(error)}. Stop what uses it, or set {setting} to another port."
        ) from None
    return int(runner.addresses[0][1])


def _why(error: OSError) -> str:
    text = error.strerror or str(error)
    return "the port is in use" if "in use" in text else text.lower()
