"""What came in: a message is acknowledged when every letter in it has been settled."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import aiormq.abc
import structlog
from aiormq.channel import Channel

from libs.common import errors
from libs.common.bus import port
from libs.common.bus.rabbitmq import faults, packing
from libs.common.bus.rabbitmq.publishing import ID_HEADER

log = structlog.get_logger(__name__)

Bury = Callable[["RabbitDelivery", str], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Incoming:
    """One message of the broker. Its letters are settled one by one, itself once, by the last of them.

    It does not know its letters: a circle would keep their bodies, megabytes, until the collector comes by.
    """

    channel: Channel
    tag: int
    queue: str
    lease: port.Lease
    exchange: str
    key: str
    schema: str
    message_id: str
    redelivered: bool
    bury: Bury  # publishes one letter of several to the dead letters
    letters: int = 0
    unsettled: int = 0
    given_back: bool = False

    async def settled(self, *, give_back: bool = False) -> None:
        """Count one more as settled. One that is given back brings all of them again."""
        self.unsettled -= 1
        self.given_back = self.given_back or give_back
        if self.unsettled == 0:
            await self._settle()

    async def refuse(self) -> None:
        """Send the whole message to its queue's dead letters."""
        await self._tell(self.channel.basic_reject, requeue=False)

    async def _settle(self) -> None:
        if self.given_back:
            await self._tell(self.channel.basic_nack, requeue=True)
        else:
            await self._tell(self.channel.basic_ack)

    async def _tell(self, verb: Callable[..., Coroutine[Any, Any, None]], **arguments: Any) -> None:
        if self.lease.lost:
            return
        told = verb(self.tag, wait=False, **arguments)
        try:
            if self.channel.write_queue.full():
                await _as_long_as(self.lease, told)
            else:
                await told
        except faults.TROUBLE as error:
            faults.pass_on(error)
            log.info("settled_too_late", queue=self.queue, message_id=self.message_id, error=type(error).__name__)


@dataclass(slots=True, eq=False)
class RabbitDelivery:
    """One letter of a message, see `port.Delivery`."""

    body: bytes
    _incoming: Incoming
    _settled: bool = False

    @property
    def queue(self) -> str:
        """The queue that it came from."""
        return self._incoming.queue

    @property
    def schema(self) -> str:
        """The schema of its body."""
        return self._incoming.schema

    @property
    def message_id(self) -> str:
        """The id of the message that brought it."""
        return self._incoming.message_id

    @property
    def redelivered(self) -> bool:
        """Whether it may have been in other hands before."""
        return self._incoming.redelivered

    @property
    def lease(self) -> port.Lease:
        """The life of the channel that brought it."""
        return self._incoming.lease

    @property
    def alone(self) -> bool:
        """Whether it shares its message with no other."""
        return self._incoming.letters == 1

    @property
    def exchange(self) -> str:
        """Where it was published."""
        return self._incoming.exchange

    @property
    def key(self) -> str:
        """Under which key it was published."""
        return self._incoming.key

    async def ack(self) -> None:
        """Be done with it."""
        if self._settle_once():
            await self._incoming.settled()

    async def give_back(self) -> None:
        """Return it to its queue, with all that share its message."""
        if self._settle_once():
            await self._incoming.settled(give_back=True)

    async def reject(self, reason: str) -> None:
        """Send it to its queue's dead letters: by the broker if it is alone, else as a letter of its own."""
        if not self._settle_once():
            return
        log.warning("delivery_rejected", queue=self.queue, message_id=self.message_id, reason=reason)
        if self.alone:
            await self._incoming.refuse()
            return
        try:
            await self._incoming.bury(self, reason)
        except errors.BusError as error:
            log.warning("delivery_not_buried", queue=self.queue, message_id=self.message_id, error=str(error))
            await self._incoming.settled(give_back=True)
        else:
            await self._incoming.settled()

    def _settle_once(self) -> bool:
        first, self._settled = not self._settled and not self.lease.lost, True
        return first


async def _as_long_as(lease: port.Lease, work: Coroutine[Any, Any, None]) -> None:
    """Do this unless the lease is lost before: what writes for a lost connection takes nothing any more, for ever."""
    doing = asyncio.ensure_future(work)
    lost = asyncio.ensure_future(lease.wait_lost())
    try:
        await asyncio.wait({doing, lost}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
    finally:
        doing.cancel()
        lost.cancel()


def unpack(
    message: aiormq.abc.DeliveredMessage, *, channel: Channel, queue: str, lease: port.Lease, bury: Bury
) -> tuple[Incoming, list[RabbitDelivery], errors.UnreadableMessage | None]:
    """Return the message and its letters; without any, and why, if it is none of ours."""
    properties = message.header.properties
    headers = properties.headers or {}
    incoming = Incoming(
        channel=channel,
        tag=message.delivery_tag or 0,
        queue=queue,
        lease=lease,
        exchange=message.exchange or "",
        key=message.routing_key or "",
        schema=properties.message_type or "",
        message_id=str(headers.get(ID_HEADER, "")),
        redelivered=bool(message.redelivered),
        bury=bury,
    )
    try:
        bodies = packing.split(message.body)
    except errors.UnreadableMessage as error:
        return incoming, [], error
    incoming.letters = incoming.unsettled = len(bodies)
    return incoming, [RabbitDelivery(body, incoming) for body in bodies], None
