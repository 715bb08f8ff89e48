"""`python -m services.gateway`: a gateway on RabbitMQ and PostgreSQL, configured by its environment alone."""

from libs.common import ids, process, topology
from libs.common.bus import rabbitmq
from services.gateway import bootstrap
from services.gateway.config import GatewaySettings


def main() -> None:
    """Run until SIGTERM or SIGINT; a process that cannot start says why in one line."""
    process.main(GatewaySettings, serve)


async def serve(settings: GatewaySettings) -> None:
    """Serve webhooks until a signal comes."""
    gateway_id = ids.new_id()
    declared = topology.TOPOLOGY.with_own(topology.reply_queue(gateway_id))
    bus = rabbitmq.RabbitBus(
        settings.broker_urls(), declared, heartbeat_s=settings.heartbeat_s, name=f"gateway {gateway_id}"
    )
    await process.run(settings, bus, service=bootstrap.build(settings, bus, gateway_id))


if __name__ == "__main__":
    main()
