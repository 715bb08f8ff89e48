"""Declare a topology and, by that, check it: an exchange, queue or binding that stands as it should is left alone."""

from collections.abc import Awaitable, Callable
from typing import Final

import aiormq.exceptions
import structlog
from aiormq.channel import Channel

from libs.common import topology
from libs.common.bus.rabbitmq import session

log = structlog.get_logger(__name__)

# Making a quorum queue takes a busy broker longer than any other answer.
DECLARE_TIMEOUT_S: Final = 10.0

Deed = Callable[[Channel], Awaitable[object]]


async def declare(of: session.Session, declared: topology.Topology) -> bool:
    """Declare everything; tell whether every exchange is of its kind and every binding stands.

    A queue that exists with other arguments is logged and used as it is: arguments cannot be changed, and what carries
    messages is the binding. Driver errors if the connection is lost.
    """
    declaration = _Declaration(of)
    try:
        # A list, since each one is to be tried even if one before it was refused.
        exchanges = [await declaration.exchange(exchange) for exchange in declared.exchanges]
        for queue in declared.queues:
            await declaration.queue(queue)
        bindings = [
            await declaration.binding(queue, binding) for queue in declared.queues for binding in queue.bindings
        ]
    finally:
        await declaration.end()
    return all(exchanges) and all(bindings)


class _Declaration:
    """Works through a topology; a refusal ends the channel, and the next deed has a new one."""

    def __init__(self, of: session.Session) -> None:
        self._session = of
        self._channel: Channel | None = None

    async def exchange(self, exchange: topology.Exchange) -> bool:
        return await self._try(
            lambda channel: channel.exchange_declare(
                exchange.name, exchange_type=exchange.kind, durable=True, timeout=DECLARE_TIMEOUT_S
            ),
            exchange=exchange.name,
        )

    async def queue(self, queue: topology.Queue) -> bool:
        return await self._try(
            lambda channel: channel.queue_declare(
                queue.name,
                durable=True,
                exclusive=queue.exclusive,
                arguments=dict(queue.arguments),
                timeout=DECLARE_TIMEOUT_S,
            ),
            queue=queue.name,
        )

    async def binding(self, queue: topology.Queue, binding: tuple[str, str]) -> bool:
        exchange, key = binding
        return await self._try(
            lambda channel: channel.queue_bind(queue.name, exchange, key, timeout=DECLARE_TIMEOUT_S),
            queue=queue.name,
            exchange=exchange,
            key=key,
        )

    async def end(self) -> None:
        if self._channel is not None:
            await session.close_channel(self._channel)

    async def _try(self, deed: Deed, **what: str) -> bool:
        if self._channel is None:
            self._channel = await self._session.channel(confirms=False)
        try:
            await deed(self._channel)
        except aiormq.exceptions.ChannelClosed as error:
            log.error("declaration_refused", reason=str(error), **what)
            self._channel = None
            return False
        return True
