"""How a debugger is put together: the one place where its parts meet."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg

from libs.common import lifecycle
from libs.common.bus import port
from services.debugger import database, migrate, recording
from services.debugger.api import app, routes
from services.debugger.api.access import Access
from services.debugger.api.flows import FlowCalls
from services.debugger.api.runs import RunCalls
from services.debugger.api.tokens import TokenCalls
from services.debugger.api.webhooks import WebhookAddresses
from services.debugger.config import DebuggerSettings
from services.debugger.database_watch import DatabaseWatch
from services.debugger.flow_queries import FlowQueries
from services.debugger.flow_store import FlowStore
from services.debugger.recorder import Recorder
from services.debugger.run_store import RunStore
from services.debugger.token_store import TokenStore

CLOSE_S: Final = 5.0


class Debugger:
    """A debugger that is put together once its database answers. `checks` are what must hold for it to do its work."""

    def __init__(self, settings: DebuggerSettings, bus: port.Bus, *, forgetful: bool) -> None:
        self._settings = settings
        self._bus = bus
        self._forgetful = forgetful
        self._parts = lifecycle.Lifecycle()
        self._watch: DatabaseWatch | None = None
        self._recorder: Recorder | None = None
        self._server: app.ApiServer | None = None

    @property
    def checks(self) -> Mapping[str, Callable[[], bool]]:
        """Conditions by name, none of which holds before the start."""
        return {
            "bus": lambda: self._bus.ready,
            "database": lambda: self._watch is not None and self._watch.ready,
            "recorder": lambda: self._recorder is not None and self._recorder.ready,
        }

    @property
    def port(self) -> int:
        """The port of the API and the console, once it stands."""
        assert self._server is not None
        return self._server.port

    async def start(self) -> None:
        """Bring the schema up to date and start every part, the API last; `StartError` if PostgreSQL stays away."""
        url = self._settings.database_url.get_secret_value()
        await (await database.connect(url, patience_s=self._settings.database_wait_s)).close()
        await migrate.migrate_database(url)
        recording_pool = await database.open_pool(url)
        api_pool = await database.open_pool(url, size=self._settings.database_pool)
        self._parts = lifecycle.Lifecycle(
            Pool(recording_pool), Pool(api_pool), *self._compose(recording_pool, api_pool)
        )
        await self._parts.start()

    async def stop(self) -> None:
        """Stop every part, the API first."""
        await self._parts.stop()

    def _compose(self, recording_pool: asyncpg.Pool, api_pool: asyncpg.Pool) -> tuple[lifecycle.Part, ...]:
        """Return the parts; the record has connections of its own, so that no crowd at the API keeps it waiting."""
        tokens = TokenStore(api_pool)
        flows = FlowStore(api_pool)
        self._watch = DatabaseWatch(recording_pool)
        self._recorder = recording.build_recorder(self._settings, self._bus, recording_pool)
        self._server = _server(self._settings, flows, RunStore(api_pool), tokens)
        return (
            self._watch,
            self._recorder,
            *recording.build_duties(self._settings, self._bus, recording_pool, forgetful=self._forgetful),
            FlowQueries(self._bus, flows),
            FirstToken(tokens, self._settings),
            self._server,
        )


def build(settings: DebuggerSettings, bus: port.Bus, *, forgetful: bool = False) -> Debugger:
    """Return a debugger on this bus, which is started before it and stopped after it.

    `forgetful`: the broker begins empty with this process, so what was accepted before is brought back at once.
    """
    return Debugger(settings, bus, forgetful=forgetful)


def _server(settings: DebuggerSettings, flows: FlowStore, runs: RunStore, tokens: TokenStore) -> app.ApiServer:
    addresses = WebhookAddresses(settings.public_url, settings.secret_key.get_secret_value())
    table = routes.table(FlowCalls(flows, addresses), RunCalls(runs), TokenCalls(tokens))
    application = app.build(
        table, Access(tokens), gateway_url=settings.public_url, max_body=settings.api_max_body_bytes
    )
    return app.ApiServer(application, settings.host, settings.console_port)


class Pool:
    """The connections to PostgreSQL as a part, which ends after all that use them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def start(self) -> None:
        """Do nothing: a connection is opened when it is needed."""

    async def stop(self) -> None:
        """Close the connections; cut those that are not given back in time."""
        try:
            await asyncio.wait_for(self.pool.close(), CLOSE_S)
        except TimeoutError:
            self.pool.terminate()


class FirstToken:
    """Sees to it that the token of the settings exists, as a part."""

    def __init__(self, tokens: TokenStore, settings: DebuggerSettings) -> None:
        self._tokens = tokens
        self._text = settings.bootstrap_token

    async def start(self) -> None:
        """Make it unless it is there."""
        if self._text is not None:
            await self._tokens.ensure(
                self._text.get_secret_value(), scopes=("automation",), note="FLOWHOOK_BOOTSTRAP_TOKEN"
            )

    async def stop(self) -> None:
        """Do nothing: the token stays."""
