"""How long a request takes while thousands of connections are idle, or stuck in the head of a request.

    python -m tests.benchmarks.idle [--connections 10000]

Gateway, sender and connections share this process, so each connection needs two open files; with a lower limit of open
files there are fewer connections, which is told.
"""

import argparse
import asyncio
import resource
import sys
import time

from tests.unit.gateway import samples
from tests.unit.gateway.world import World

REQUESTS = 300
SPARE_FILES = 500
STATES = {"idle": b"", "in the head": b"POST /v1/flow-webhook/x HTTP/1.1\r\nHost: x\r\n"}


def most_connections(wanted: int) -> int:
    """Return as many connections as this process may open, at most those wanted."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else 2 * wanted + SPARE_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(0, min(wanted, (allowed - SPARE_FILES) // 2))


async def latencies_ms(world: World) -> str:
    """Return the median and the 99th percentile of requests sent one after the other."""
    flow = world.save(samples.flow())
    took = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        reply = await world.call(flow, data=b'{"n": 21}')
        assert reply.status == 200
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return f"{took[REQUESTS // 2]:>8.2f} {took[REQUESTS * 99 // 100]:>8.2f}"


async def bench(connections: int) -> None:
    """Measure with no other connection, then with so many in each state."""
    world = World()
    await world.start()
    sys.stdout.write(f"{'':<12} {'conn':>6} {'p50 ms':>8} {'p99 ms':>8}\n")
    sys.stdout.write(f"{'alone':<12} {0:>6} {await latencies_ms(world)}\n")
    for name, sent in STATES.items():
        writers = []
        for _ in range(connections):
            _, writer = await asyncio.open_connection("127.0.0.1", world.gateway.port)
            writer.write(sent)
            writers.append(writer)
        sys.stdout.write(f"{name:<12} {connections:>6} {await latencies_ms(world)}\n")
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
    await world.stop()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    asyncio.run(bench(most_connections(parser.parse_args().connections)))


if __name__ == "__main__":
    main()
