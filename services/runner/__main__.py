"""`python -m services.runner`: a runner on RabbitMQ, configured by its environment alone."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from libs.common import errors, health, ids, lifecycle, logs, topology
from libs.common.bus import rabbitmq
from services.runner import bootstrap, watchdog
from services.runner.config import RunnerSettings

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT; a process that cannot start says why in one line."""
    try:
        settings = RunnerSettings.load()
        logs.configure(settings)
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(serve(settings))
    except errors.StartError as error:
        sys.exit(str(error))


async def serve(settings: RunnerSettings) -> None:
    """Take work until a signal comes."""
    urls = settings.amqp_url.get_secret_value()
    if not urls:
        raise errors.StartError("FLOWHOOK_AMQP_URL is not set: give RabbitMQ's address, amqp://user:password@host/")
    # Names are looked up in threads, and a slow name server of one flow must not keep the others waiting.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(settings.runner_concurrency, "lookup"))
    stopping = asyncio.Event()
    lifecycle.stop_on_signals(stopping)
    runner_id = ids.new_id()
    declared = topology.TOPOLOGY.with_own(topology.control_queue(runner_id))
    bus = rabbitmq.RabbitBus(urls, declared, heartbeat_s=settings.heartbeat_s, name=f"runner {runner_id}")
    runner = bootstrap.build(settings, bus, runner_id)
    readiness = health.Readiness()
    for name, check in runner.checks.items():
        readiness.add(name, check)
    admin = health.AdminServer(settings.host, settings.admin_port, readiness)
    await lifecycle.Lifecycle(watchdog.Watchdog(settings.stuck_after_s), admin, bus, runner).run_until(stopping)
    log.info("runner_stopped")


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop's loops if it is installed."""
    try:
        import uvloop  # noqa: PLC0415  # an extra of its own
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
