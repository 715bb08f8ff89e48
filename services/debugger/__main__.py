"""`python -m services.debugger`: a debugger on RabbitMQ and PostgreSQL, configured by its environment alone."""

from libs.common import ids, process, topology
from libs.common.bus import rabbitmq
from services.debugger import bootstrap
from services.debugger.config import DebuggerSettings


def main() -> None:
    """Run until SIGTERM or SIGINT; a process that cannot start says why in one line."""
    process.main(DebuggerSettings, serve)


async def serve(settings: DebuggerSettings) -> None:
    """Record, schedule and serve until a signal comes; the admin port stands while PostgreSQL is waited for."""
    bus = rabbitmq.RabbitBus(
        settings.broker_urls(), topology.TOPOLOGY, heartbeat_s=settings.heartbeat_s, name=f"debugger {ids.new_id()}"
    )
    await process.run(settings, bus, service=bootstrap.build(settings, bus))


if __name__ == "__main__":
    main()
