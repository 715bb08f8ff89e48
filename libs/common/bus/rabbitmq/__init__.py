"""The bus on RabbitMQ.

One plain connection under one supervisor (`bus`): connect, declare on a throw-away channel (`declaring`), open the
channel that publishes (`publishing`), let every consumer stand on a channel of its own (`consuming`), and only then be
*ready*. What is lost on the way is brought back: a channel alone where only a channel ended, the connection otherwise.
A robust connection of the client library would do less: it goes on publishing for a lease that is over, opens
publishing before the consumers stand, and never comes back once a queue's arguments have changed.

On the wire a message is a JSON list of what was published in one turn of the event loop (`packing`). Its schema is the
property `type`, its id the header `flowhook-id`: the property `message_id` is the client's own, by which it tells whose
publish was returned. What the client raises ends in one table (`faults`).
"""

from libs.common.bus.rabbitmq.bus import RabbitBus

__all__ = ["RabbitBus"]
