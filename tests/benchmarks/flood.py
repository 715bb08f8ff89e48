"""How soon another lane's runs start while 1,000 slow runs of one flow wait or hold their share of the runners.

python -m tests.benchmarks.flood [--runners 2] [--flood 1000]
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from statistics import median, quantiles

from libs.common import topology
from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation
from tests.acceptance.outside import Outside
from tests.benchmarks.noop import report
from tests.benchmarks.servers import private_installation

PROBES = 50


async def measure(installation: Installation, runners: int, flood: int) -> None:
    """Let the flood in, send probes one after the other, tell how long they waited for a runner."""
    installation.env["FLOWHOOK_SHED_MIN_WAITING"] = str(10 * flood)
    await installation.start_all(runners=runners)
    async with Outside() as outside:
        outside.hold("/slow")
        slow = await installation.save(
            flows.flow(flows.webhook(is_async=True), flows.http("ask", f"{outside.url}/slow"), name="Slow")
        )
        probe = await in_another_lane(installation, slow)
        for _ in range(flood):
            assert (await installation.call(slow)).status == 200
        replies = [await installation.call(probe, {"n": n}) for n in range(PROBES)]
        runs = [await installation.ended(reply.run_id) for reply in replies]
        waits = [run["queued_ms"] for run in runs]
        report(
            f"{flood} slow runs, {runners} runners: {outside.calls['/slow']} of them execute; "
            f"{PROBES} runs of another lane waited p50 {median(waits)} ms, p90 {quantiles(waits, n=10)[-1]:.0f} ms"
        )


async def in_another_lane(installation: Installation, other: Flow) -> Flow:
    """Save asynchronous flows until one has another lane."""
    while True:
        flow = await installation.save(flows.echo(is_async=True))
        if topology.lane_of(flow.id) != topology.lane_of(other.id):
            return flow


async def bench(runners: int, flood: int, folder: Path) -> None:
    """Start private servers, measure, end them."""
    async with private_installation(folder) as (installation, _):
        await measure(installation, runners, flood)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runners", type=int, default=2)
    parser.add_argument("--flood", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flowhook-bench-") as folder:
        asyncio.run(bench(arguments.runners, arguments.flood, Path(folder)))


if __name__ == "__main__":
    main()
