"""The API and the console's page as one web application, and the part that serves it."""

from aiohttp import web

from libs.common import health
from services.debugger.api import access, envelope, routes
from services.debugger.console import page


def build(table: tuple[routes.Route, ...], door: access.Access, *, gateway_url: str, max_body: int) -> web.Application:
    """Return the application: the calls of the table behind the door, and the page in front of it."""
    app = web.Application(middlewares=[envelope.middleware], client_max_size=max_body)
    for route in table:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            app.router.add_route(method, route.path, _guarded(route, door))
    for path, serve in page.handlers(gateway_url).items():
        app.router.add_get(path, serve)
    return app


def _guarded(route: routes.Route, door: access.Access) -> routes.Call:
    async def call(request: web.Request) -> web.Response:
        request[access.PERMITTED] = await door.check(request.headers.get("Authorization"), route.needs)
        return await route.call(request)

    return call


class ApiServer:
    """Serves the application on one address; `port` is the one that it really has, once it stands."""

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        self.port = port
        self._host = host
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)

    async def start(self) -> None:
        """Listen; `StartError` if the port is taken."""
        await self._runner.setup()
        self.port = await health.listen(self._runner, self._host, self.port, setting="FLOWHOOK_CONSOLE_PORT")

    async def stop(self) -> None:
        """Finish the calls in progress and stop listening."""
        await self._runner.cleanup()
