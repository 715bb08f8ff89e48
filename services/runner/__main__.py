"""`python -m services.runner`: a runner on RabbitMQ, configured by its environment alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from libs.common import ids, process, topology
from libs.common.bus import rabbitmq
from services.runner import bootstrap, watchdog
from services.runner.config import RunnerSettings


def main() -> None:
    """Run until SIGTERM or SIGINT; a process that cannot start says why in one line."""
    process.main(RunnerSettings, serve)


async def serve(settings: RunnerSettings) -> None:
    """Take work until a signal comes."""
    # Names are looked up in threads, and a slow name server of one flow must not keep the others waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.runner_concurrency, "lookup"))
    runner_id = ids.new_id()
    declared = topology.TOPOLOGY.with_own(topology.control_queue(runner_id))
    bus = rabbitmq.RabbitBus(
        settings.broker_urls(), declared, heartbeat_s=settings.heartbeat_s, name=f"runner {runner_id}"
    )
    service = bootstrap.build(settings, bus, runner_id)
    await process.run(settings, watchdog.Watchdog(settings.stuck_after_s), bus, service=service)


if __name__ == "__main__":
    main()
