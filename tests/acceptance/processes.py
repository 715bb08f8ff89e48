"""The real services as processes: started, watched, frozen and killed by their own id."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import aiohttp

from tests.servers.ports import free_port

Value = TypeVar("Value")
READY_WITHIN_S = 30.0
POLL_S = 0.02


async def eventually(look: Callable[[], Awaitable[Value | None]], *, within_s: float = 20.0, what: str = "it") -> Value:
    """Return the first truthy thing that `look` sees; AssertionError after the deadline."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        with suppress(aiohttp.ClientError, ConnectionError):
            if seen := await look():
                return seen
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"{what} did not happen within {within_s} s")
        await asyncio.sleep(POLL_S)


def command_of(name: str) -> list[str]:
    """Return how a service is started, or `dev`, which is all of them in one process."""
    if name == "dev":
        return [str(Path(sys.executable).parent / "flowhook"), "dev"]
    return [sys.executable, "-m", f"services.{name}"]


class ServiceProcess:
    """One service as `python -m services.<name>`, or `flowhook dev`; its log in a file."""

    def __init__(self, name: str, env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.admin_port = free_port()
        self.log = log
        full = {**os.environ, **env, "FLOWHOOK_ADMIN_PORT": str(self.admin_port), "FLOWHOOK_LOG_FORMAT": "json"}
        with log.open("wb") as out:
            self._process = subprocess.Popen(command_of(name), env=full, stdout=out, stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    async def ready(self) -> bool:
        """Tell what /readyz says now."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
            session.get(f"http://127.0.0.1:{self.admin_port}/readyz") as answer,
        ):
            return answer.status == 200

    async def wait_ready(self) -> None:
        """Return once it is ready; AssertionError with its log if it ends or takes too long."""

        async def look() -> bool:
            assert self.alive, f"{self.name} ended with {self._process.poll()}:\n{self.text()}"
            return await self.ready()

        try:
            await eventually(look, within_s=READY_WITHIN_S, what=f"{self.name} ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text()}") from error

    def text(self) -> str:
        """Return what it has logged."""
        return self.log.read_text(errors="replace")

    def freeze(self) -> None:
        """Stop it from running, without its knowing."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it run again."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.alive:
            self._process.kill()
            self._process.wait(10)

    async def terminate(self, *, within_s: float = 40.0, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        self._process.send_signal(by)
        return await self.exit_code(within_s=within_s)

    async def exit_code(self, *, within_s: float = 40.0) -> int:
        """Return its exit code once it has ended."""
        return await asyncio.to_thread(self._process.wait, within_s)
