"""A whole installation on private servers: three kinds of processes, the API and the senders."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.processes import ServiceProcess, eventually
from tests.servers.ports import free_port

TOKEN = "fh_pat_acceptance-0123456789abcdef0123456789abcdef"
SECRET = "an-installation-secret-for-tests-0123456789"
ENDED = ("success", "error", "cancelled")

# Ages short enough for a test, in the order that the services check at their start.
QUICK = {
    "FLOWHOOK_HEARTBEAT_S": "1",
    "FLOWHOOK_CLAIM_HOLD_S": "2",
    "FLOWHOOK_SWEEP_AFTER_S": "3",
    "FLOWHOOK_SWEEP_EVERY_S": "1",
    "FLOWHOOK_PARK_AFTER_S": "1",
    "FLOWHOOK_RATE_LIMIT": "1000000",
}


@dataclass(frozen=True)
class Flow:
    """A saved flow with what its senders need."""

    id: str
    token: str


@dataclass(frozen=True)
class Reply:
    """What a sender got, and how long it waited in seconds."""

    status: int
    headers: Mapping[str, str]
    json: Any
    waited_s: float

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.headers["Flowhook-Run-Id"]


class Installation:
    """Processes by kind. `env` adds to the settings of all that are started after."""

    def __init__(self, amqp_url: str, database_url: str, folder: Path) -> None:
        self.folder = folder
        self.gateway_port = free_port()
        self.console_port = free_port()
        self.processes: list[ServiceProcess] = []
        self.env = {
            **QUICK,
            "FLOWHOOK_AMQP_URL": amqp_url,
            "FLOWHOOK_DATABASE_URL": database_url,
            "FLOWHOOK_SECRET_KEY": SECRET,
            "FLOWHOOK_BOOTSTRAP_TOKEN": TOKEN,
            "FLOWHOOK_HOST": "127.0.0.1",
            "FLOWHOOK_HTTP_ALLOW": "127.0.0.0/8",
        }
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    def launch(self, name: str, **env: str) -> ServiceProcess:
        """Start a process of a service; it may take a moment to be ready."""
        ports = {"FLOWHOOK_GATEWAY_PORT": str(self.gateway_port), "FLOWHOOK_CONSOLE_PORT": str(self.console_port)}
        log = self.folder / f"{self.gateway_port}-{len(self.processes)}-{name}.log"
        process = ServiceProcess(name, {**ports, **self.env, **env}, log)
        self.processes.append(process)
        return process

    async def start(self, name: str, **env: str) -> ServiceProcess:
        """Start a process and wait until it can do its work."""
        process = self.launch(name, **env)
        await process.wait_ready()
        return process

    async def start_all(self, *, runners: int = 1) -> None:
        """Start a debugger, then a gateway and runners."""
        await self.start("debugger")
        started = [self.launch("gateway"), *(self.launch("runner") for _ in range(runners))]
        await asyncio.gather(*(process.wait_ready() for process in started))

    def of(self, name: str) -> list[ServiceProcess]:
        """Return the processes of a service that have not ended."""
        return [process for process in self.processes if process.name == name and process.alive]

    async def close(self) -> None:
        """End everything at once."""
        await self._session.close()
        for process in self.processes:
            process.kill()

    # --- the API

    async def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the management API as the bootstrap token; AssertionError for anything but success."""
        async with self._session.request(
            method,
            f"http://127.0.0.1:{self.console_port}{path}",
            json=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
        ) as answer:
            content = await answer.json() if answer.status != 204 else None
            assert answer.status < 300, content
            return content

    async def save(self, document: Mapping[str, Any]) -> Flow:
        """Save a flow and fetch its token."""
        saved = await self.api("POST", "/v1/flows", document)
        settings = await self.api("GET", f"/v1/flows/{saved['id']}/settings")
        return Flow(saved["id"], settings["webhook_token"])

    async def run(self, run_id: str) -> Any:
        """Return a run with its steps, or None while it is not recorded."""
        try:
            return await self.api("GET", f"/v1/runs/{run_id}")
        except AssertionError:
            return None

    async def ended(self, run_id: str, *, within_s: float = 30.0) -> Any:
        """Return the run once it has ended."""

        async def look() -> Any:
            run = await self.run(run_id)
            return run if run and run["status"] in ENDED else None

        return await eventually(look, within_s=within_s, what=f"the end of run {run_id}")

    async def all_runs(self, flow_id: str) -> list[Any]:
        """Return every run of a flow, without payloads."""
        runs: list[Any] = []
        cursor = ""
        while True:
            page = await self.api("GET", f"/v1/runs?flow_id={flow_id}" + (f"&cursor={cursor}" if cursor else ""))
            runs += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return runs

    # --- the senders

    async def call(self, flow: Flow, body: Any = None, *, port: int | None = None, **headers: str) -> Reply:
        """Send a webhook with the flow's token and these headers, whose names have `_` for `-`."""
        began = asyncio.get_running_loop().time()
        async with self._session.post(
            f"http://127.0.0.1:{port or self.gateway_port}/v1/flow-webhook/{flow.id}",
            json=body if body is not None else {},
            headers={
                "Authorization": f"Bearer {flow.token}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        ) as answer:
            content = await answer.json(content_type=None)
            return Reply(answer.status, answer.headers, content, asyncio.get_running_loop().time() - began)
