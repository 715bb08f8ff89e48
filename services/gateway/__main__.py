"""One gateway as a process: `python -m services.gateway`, configured by its environment alone."""

import asyncio
import sys
from collections.abc import Callable

import structlog

from libs.common import errors, health, ids, lifecycle, logs, topology
from libs.common.bus.rabbitmq import RabbitBus
from services.gateway import bootstrap
from services.gateway.config import GatewaySettings

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT; exit with one line that says what to do if it cannot start."""
    try:
        settings = GatewaySettings.load()
        logs.configure(settings)
        with asyncio.Runner(loop_factory=_fast_loop()) as runner:
            runner.run(serve(settings))
    except errors.StartError as error:
        sys.exit(str(error))


async def serve(settings: GatewaySettings) -> None:
    """Serve webhooks until a signal comes."""
    urls = settings.amqp_url.get_secret_value()
    if not urls:
        raise errors.StartError("FLOWHOOK_AMQP_URL is not set: give RabbitMQ's address, amqp://user:password@host/")
    gateway_id = ids.new_id()
    declared = topology.TOPOLOGY.with_own(topology.reply_queue(gateway_id))
    bus = RabbitBus(urls, declared, heartbeat_s=settings.heartbeat_s, name=f"gateway {gateway_id}")
    gateway = bootstrap.build(settings, bus, gateway_id)
    readiness = health.Readiness()
    for name, check in gateway.checks.items():
        readiness.add(name, check)
    stopping = asyncio.Event()
    lifecycle.stop_on_signals(stopping)
    admin = health.AdminServer(settings.host, settings.admin_port, readiness)
    await lifecycle.Lifecycle(bus, admin, gateway).run_until(stopping)
    log.info("gateway_stopped")


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the factory of uvloop's loops if it is installed: it saves a third of a request's time."""
    try:
        import uvloop  # noqa: PLC0415  # an extra of its own
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
