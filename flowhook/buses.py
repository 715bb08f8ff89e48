"""The connections of the all-in-one's services: to one bus inside the process, or to a RabbitMQ that is named."""

from typing import Final

from flowhook.dev_settings import DevSettings
from libs.common import topology
from libs.common.bus.memory import MemoryBroker, MemoryBus
from libs.common.bus.rabbitmq import RabbitBus

# A confirm means that it is recorded: nothing else of this bus outlives its process.
CONFIRM_AFTER: Final = frozenset({topology.RECORD})


class Buses:
    """Makes a connection for each service. `survives`: whether what the bus holds outlives this process."""

    def __init__(self, settings: DevSettings) -> None:
        self._urls = settings.amqp_url.get_secret_value()
        self._heartbeat_s = settings.heartbeat_s
        self._broker = MemoryBroker(topology.TOPOLOGY, confirm_after=CONFIRM_AFTER)
        self.survives = bool(self._urls)

    def connect(self, name: str, *own: topology.Queue) -> MemoryBus | RabbitBus:
        """Return the connection of one service, with queues of its own; it is yet to be started."""
        if self.survives:
            declared = topology.TOPOLOGY.with_own(*own)
            return RabbitBus(self._urls, declared, heartbeat_s=self._heartbeat_s, name=name)
        return MemoryBus(self._broker, own)
