"""`python -m services.debugger`: a debugger on RabbitMQ and PostgreSQL, configured by its environment alone."""

import asyncio
import sys

import structlog

from libs.common import errors, health, ids, lifecycle, logs, topology
from libs.common.bus import rabbitmq
from services.debugger import bootstrap
from services.debugger.config import DebuggerSettings

log = structlog.get_logger(__name__)


def main() -> None:
    """Run until SIGTERM or SIGINT; a process that cannot start says why in one line."""
    try:
        settings = DebuggerSettings.load()
        logs.configure(settings)
        asyncio.run(serve(settings))
    except errors.StartError as error:
        sys.exit(str(error))


async def serve(settings: DebuggerSettings) -> None:
    """Record, schedule and serve until a signal comes; the admin port stands while PostgreSQL is waited for."""
    urls = settings.amqp_url.get_secret_value()
    if not urls:
        raise errors.StartError("FLOWHOOK_AMQP_URL is not set: give RabbitMQ's address, amqp://user:password@host/")
    stopping = asyncio.Event()
    lifecycle.stop_on_signals(stopping)
    bus = rabbitmq.RabbitBus(urls, topology.TOPOLOGY, heartbeat_s=settings.heartbeat_s, name=f"debugger {ids.new_id()}")
    debugger = bootstrap.build(settings, bus)
    readiness = health.Readiness()
    for name, check in debugger.checks.items():
        readiness.add(name, check)
    admin = health.AdminServer(settings.host, settings.admin_port, readiness)
    await lifecycle.Lifecycle(admin, bus, debugger).run_until(stopping)
    log.info("debugger_stopped")


if __name__ == "__main__":
    main()
