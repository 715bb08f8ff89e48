"""The no-op synchronous flow, recorded, on RabbitMQ and PostgreSQL, beside a bare aiohttp echo in the same run.

    python -m tests.benchmarks.noop [--seconds 5] [--connections 1 16 64]

Starts private servers and one process of each service, and ends them. Where the time goes is told as CPU milliseconds
a request of each process, from the operating system's own account.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation
from tests.acceptance.processes import eventually
from tests.benchmarks.servers import private_installation
from tests.servers.ports import free_port

BODY = json.dumps({"n": 21, "padding": "x" * 1000})


@dataclass(frozen=True)
class Costs:
    """CPU seconds that each kind of process has used so far, with its children."""

    seconds: dict[str, float]

    def since(self, earlier: "Costs", requests: int) -> dict[str, float]:
        """Return the milliseconds a request since then."""
        return {
            name: round((used - earlier.seconds[name]) * 1000 / max(requests, 1), 3)
            for name, used in self.seconds.items()
        }


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its living children."""
    total = 0.0
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


async def run_load(url: str, connections: int, seconds: float, *headers: str) -> dict[str, Any]:
    """Run the load generator as a process of its own and return its figures."""
    options = [option for header in headers for option in ("--header", header)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.load", url, str(connections), str(seconds), "--body", BODY, *options,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    figures: dict[str, Any] = json.loads(out)
    return figures


class Bench:
    """One installation under load."""

    def __init__(self, installation: Installation, servers: dict[str, int], seconds: float) -> None:
        self.installation = installation
        self.pids = {**{process.name: process.pid for process in installation.processes}, **servers}
        self.seconds = seconds

    def costs(self) -> Costs:
        """Return what each process has used so far."""
        return Costs({name: cpu_of(pid) for name, pid in self.pids.items()})

    async def measure(self, url: str, connections: int, flow: Flow) -> dict[str, Any]:
        """Measure one number of connections, after a short warm-up."""
        header = f"Authorization: Bearer {flow.token}"
        await run_load(url, connections, 1, header)
        before = self.costs()
        figures = await run_load(url, connections, self.seconds, header)
        return {**figures, "cpu_ms": self.costs().since(before, figures["requests"])}


def row(name: str, connections: int, figures: dict[str, Any], echo: dict[str, Any]) -> str:
    """Return a line of the table."""
    share = figures["per_s"] / echo["per_s"]
    cpu = " ".join(f"{name}={used}" for name, used in figures.get("cpu_ms", {}).items())
    bad = {status: count for status, count in figures["statuses"].items() if status != "200"}
    return (
        f"{name:<6} {connections:>4} {figures['per_s']:>9} {share:>6.2f} "
        f"{figures['p50_ms']:>8} {figures['p99_ms']:>8}  {cpu}{f'  NOT 200: {bad}' if bad else ''}"
    )


def memory(installation: Installation) -> str:
    """Return each process's resident memory when idle, in MiB."""
    sizes = {process.name: psutil.Process(process.pid).memory_info().rss / 2**20 for process in installation.processes}
    return "idle memory, MiB: " + ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())


async def bench(seconds: float, connections: list[int], folder: Path) -> None:
    """Start everything, measure, print, end everything."""
    echo_port = free_port()
    echo = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.benchmarks.echo", str(echo_port))
    try:
        async with private_installation(folder) as (installation, servers):
            await installation.start_all()
            await measure_all(installation, servers, echo_port, seconds, connections)
    finally:
        echo.kill()
        await echo.wait()


async def measure_all(
    installation: Installation, servers: dict[str, int], echo_port: int, seconds: float, connections: list[int]
) -> None:
    """Measure sync and async beside the echo, and see that every request is in the record."""
    report(memory(installation))
    ways = {
        "sync": await installation.save(flows.echo()),
        "async": await installation.save(flows.echo(is_async=True)),
    }
    bench = Bench(installation, servers, seconds)
    report(f"{'':<6} {'conn':>4} {'per s':>9} {'share':>6} {'p50 ms':>8} {'p99 ms':>8}  CPU ms a request")
    for number in connections:
        echo = await run_load(f"http://127.0.0.1:{echo_port}/", number, seconds)
        report(row("echo", number, echo, echo))
        for name, flow in ways.items():
            url = f"http://127.0.0.1:{installation.gateway_port}/v1/flow-webhook/{flow.id}"
            report(row(name, number, await bench.measure(url, number, flow), echo))
            await recorded(installation)


async def recorded(installation: Installation) -> None:
    """Return once no run is in progress any more."""

    async def look() -> bool:
        for status in ("queued", "running"):
            if (await installation.api("GET", f"/v1/runs?status={status}"))["items"]:
                return False
        return True

    await eventually(look, within_s=60, what="the record")


def report(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowhook-bench-") as folder:
        asyncio.run(bench(arguments.seconds, arguments.connections, Path(folder)))


if __name__ == "__main__":
    main()
