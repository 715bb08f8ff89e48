"""The three services in one process: the same code, on a bus inside the process and a PostgreSQL of our own.

On that bus a confirm means that the recorder has committed what was published. So what a sender was told to be accepted
survives the process although the bus does not: the next start publishes again whatever the record shows unfinished.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from pydantic import SecretStr

from flowhook import __version__, ports
from flowhook.banner import Place
from flowhook.buses import Buses
from flowhook.data_folder import DataFolder
from flowhook.dev_settings import DevSettings
from flowhook.embedded_postgres import EmbeddedPostgres
from flowhook.example_flows import Example, ExampleFlows
from libs.common import health, ids, topology
from libs.common.config import PREFIX
from libs.common.lifecycle import Lifecycle
from services.debugger import bootstrap as debugger
from services.debugger.config import DebuggerSettings
from services.gateway import bootstrap as gateway
from services.gateway.config import GatewaySettings
from services.runner import bootstrap as runner
from services.runner.config import RunnerSettings
from services.runner.watchdog import Watchdog

log = structlog.get_logger(__name__)

EXAMPLES_SAVED: Final = "examples-saved"
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - names for people, of addresses that mean all


class AllInOne:
    """A whole installation as one part. `place` and `examples` tell of it once it stands."""

    place: Place
    examples: list[Example]

    def __init__(self, settings: DevSettings) -> None:
        self._settings = settings
        self._folder = DataFolder(settings.data_dir)
        self._buses = Buses(settings)
        self._readiness = health.Readiness()
        self._parts = Lifecycle()

    async def start(self) -> None:
        """Start everything in the order in which it is needed; `StartError` says what keeps it from standing."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything in reverse order; harmless when repeated."""
        await self._parts.stop()

    async def _start(self) -> None:
        self._require_ports()
        token = _secret(self._settings.bootstrap_token) or self._folder.bootstrap_token()
        database_url = await self._start_database()
        given = self._given(database_url, token)
        api_url = await self._start_debugger(DebuggerSettings.load(**given))
        examples = ExampleFlows(api_url, token)
        await self._save_once(examples)
        await self._start_runner(RunnerSettings.load(**given))
        await self._start_gateway(GatewaySettings.load(**given))
        self.examples = await examples.present()
        admin = health.AdminServer(self._settings.host, self._settings.admin_port, self._readiness)
        await self._parts.stand(admin)
        self.place = Place(
            version=__version__,
            gateway_url=given["public_url"],
            api_url=api_url,
            admin_url=self._url(admin.port),
            data=self._folder.path,
            token=token,
        )

    def _require_ports(self) -> None:
        names = ("gateway_port", "console_port", "admin_port")
        wanted = {f"{PREFIX}{name.upper()}": getattr(self._settings, name) for name in names}
        ports.require_free(self._settings.host, wanted)

    async def _start_database(self) -> str:
        if self._settings.database_url is not None:
            return self._settings.database_url.get_secret_value()
        postgres = EmbeddedPostgres(self._folder.path)
        await self._parts.stand(postgres)
        return postgres.url

    def _given(self, database_url: str, token: str) -> dict[str, Any]:
        """Return what the services are told instead of their environment."""
        settings = self._settings
        port = settings.gateway_port or ports.unused(settings.host)
        return {
            "host": settings.host,
            "database_url": database_url,
            "secret_key": _secret(settings.secret_key) or self._folder.secret_key(),
            "bootstrap_token": token,
            "gateway_port": port,
            "public_url": settings.public_url or self._url(port),
            **settings.model_dump(include={"record_batch_ms", "grace_s", "stop_grace_s"}),
        }

    def _url(self, port: int) -> str:
        return f"http://{EVERYWHERE.get(self._settings.host, self._settings.host)}:{port}"

    async def _start_debugger(self, settings: DebuggerSettings) -> str:
        bus = self._buses.connect("debugger")
        await self._parts.stand(bus)
        part = debugger.build(settings, bus, forgetful=not self._buses.survives)
        await self._parts.stand(part)
        self._watch(part.checks)
        return self._url(part.port)

    async def _save_once(self, examples: ExampleFlows) -> None:
        if not self._folder.is_noted(EXAMPLES_SAVED):
            await examples.save()
            self._folder.note(EXAMPLES_SAVED)

    async def _start_runner(self, settings: RunnerSettings) -> None:
        runner_id = ids.new_id()
        bus = self._buses.connect(f"runner {runner_id}", topology.control_queue(runner_id))
        part = runner.build(settings, bus, runner_id)
        for each in (Watchdog(settings.stuck_after_s), bus, part):
            await self._parts.stand(each)
        self._watch({"consumers": lambda: part.ready})

    async def _start_gateway(self, settings: GatewaySettings) -> None:
        gateway_id = ids.new_id()
        bus = self._buses.connect(f"gateway {gateway_id}", topology.reply_queue(gateway_id))
        part = gateway.build(settings, bus, gateway_id)
        await self._parts.stand(bus)
        await self._parts.stand(part)
        self._watch(part.checks)

    def _watch(self, checks: Mapping[str, Callable[[], bool]]) -> None:
        for name, check in checks.items():
            self._readiness.add(name, check)


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value is not None else None
