"""`python -m services.runner`: a runner on RabbitMQ."""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from libs.common import errors, health, ids, lifecycle, logs, topology
from libs.common.bus import rabbitmq
from services.runner import bootstrap, config, watchdog


def main() -> None:
    """Run until SIGTERM or SIGINT; a process that cannot start says why in one line."""
    try:
        settings = config.RunnerSettings.load()
        logs.configure(settings)
        asyncio.run(serve(settings))
    except errors.StartError as error:
        sys.exit(str(error))


async def serve(settings: config.RunnerSettings) -> None:
    """Take work until a signal comes."""
    if not settings.amqp_url.get_secret_value():
        raise errors.StartError("FLOWHOOK_AMQP_URL is not set: a runner takes its work from RabbitMQ.")
    # Names are looked up in threads, and a slow name server of one flow must not keep the others waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.runner_concurrency, "lookup"))
    stopping = asyncio.Event()
    lifecycle.stop_on_signals(stopping)
    runner_id = ids.new_id()
    declared = topology.TOPOLOGY.with_own(topology.control_queue(runner_id))
    bus = rabbitmq.RabbitBus(
        settings.amqp_url.get_secret_value(), declared, heartbeat_s=settings.heartbeat_s, name=f"runner {runner_id}"
    )
    runner = bootstrap.build(settings, bus, runner_id)
    readiness = health.Readiness()
    readiness.add("bus", lambda: bus.ready)
    readiness.add("consumers", lambda: runner.ready)
    admin = health.AdminServer(settings.host, settings.admin_port, readiness)
    await lifecycle.Lifecycle(watchdog.Watchdog(settings.stuck_after_s), admin, bus, runner).run_until(stopping)


if __name__ == "__main__":
    main()
