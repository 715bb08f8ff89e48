"""The bus inside one process: a broker object, and a bus for each part that would have a connection of its own.

It keeps what RabbitMQ keeps as far as the services can see: routing, returns, rejected publishes, prefetch, turns among
consumers, redelivery, delivery limits, dead letters, time to live, the single active consumer, lost and blocked
connections.

What differs: nothing survives the process (see `confirm_after` of `MemoryBroker`), each letter is a message of its own,
a limit of length is exact, and the queues of one process (`expires_ms`, `exclusive`) stay when it has gone.
"""

from libs.common.bus.memory.broker import MemoryBroker
from libs.common.bus.memory.bus import MemoryBus

__all__ = ["MemoryBroker", "MemoryBus"]
