"""A consumer on a channel of its own. The channel's life is the lease of all that it delivers."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiormq.abc
import structlog
from aiormq.channel import Channel

from libs.common.bus import port
from libs.common.bus.rabbitmq import deliveries, faults, session

log = structlog.get_logger(__name__)


class RabbitSubscription:
    """See `port.Subscription`. Its bus calls `stand` whenever it does not stand and should."""

    def __init__(
        self,
        queue: str,
        handler: port.Handler,
        prefetch: int,
        *,
        bury: deliveries.Bury,
        fell: Callable[["RabbitSubscription", bool], None],
    ) -> None:
        self.queue = queue
        self._handler = handler
        self._prefetch = prefetch
        self._bury = bury
        self._fell = fell  # called with True where the broker ended the consumer: its queue is gone
        self._turn = asyncio.Lock()  # one of stand, close, pause, restart at a time
        self._tasks: set[asyncio.Task[Any]] = set()
        self._channel: Channel | None = None
        self._lease: port.Lease | None = None
        self._tag = ""
        self._stopped = False
        self._restarting = False

    @property
    def wanted(self) -> bool:
        """Whether it should stand and does not."""
        return self._channel is None and not self._stopped

    @property
    def missed(self) -> bool:
        """Whether it should stand, does not, and nobody asked for that."""
        return self.wanted and not self._restarting

    async def stand(self, of: session.Session) -> None:
        """Consume on a new channel with a new lease. Driver errors if that fails."""
        async with self._turn:
            if not self.wanted:
                return
            try:
                await self._consume(of)
            except BaseException:
                self.fall()
                raise
            finally:
                self._restarting = False

    async def _consume(self, of: session.Session) -> None:
        channel = await of.channel(confirms=False)
        lease = port.Lease()
        self._channel, self._lease = channel, lease
        session.when_closed(channel, lambda: self._lost(channel, queue_gone=False))
        channel.on_consumer_cancel_callbacks.add(lambda _: self._lost(channel, queue_gone=True))
        await channel.basic_qos(prefetch_count=self._prefetch, timeout=session.ANSWER_TIMEOUT_S)
        answer = await channel.basic_consume(
            self.queue, lambda message: self._receive(message, channel, lease), timeout=session.ANSWER_TIMEOUT_S
        )
        self._tag = answer.consumer_tag or ""

    def fall(self) -> Channel | None:
        """End the lease and forget the channel, which is returned to be closed."""
        channel, lease = self._channel, self._lease
        self._channel = self._lease = None
        if lease is not None:
            lease.end()
        return channel

    async def close(self) -> None:
        """Stop for good; what it holds comes again to others, in order."""
        self._stopped = True
        async with self._turn:
            await self._end_channel()

    async def pause(self) -> None:
        """Take nothing new; what it holds can still be settled."""
        self._stopped = True
        async with self._turn:
            try:
                if self._channel is not None:
                    await self._channel.basic_cancel(self._tag, timeout=session.ANSWER_TIMEOUT_S)
            except faults.TROUBLE as error:  # it takes nothing new then either
                faults.pass_on(error)

    async def restart(self) -> None:
        """End the channel; the bus lets it stand again on a new one at once."""
        self._restarting = not self._stopped
        async with self._turn:
            await self._end_channel()
        self._fell(self, False)

    async def _end_channel(self) -> None:
        channel = self.fall()
        if channel is not None and not await session.close_channel(channel):
            log.warning("channel_not_closed", queue=self.queue)

    def _lost(self, channel: Channel, *, queue_gone: bool) -> None:
        if channel is self._channel:
            self.fall()
            log.warning("consumer_lost", queue=self.queue, queue_gone=queue_gone)
            if queue_gone:  # then the channel stays
                self._keep(asyncio.create_task(session.close_channel(channel)))
            self._fell(self, queue_gone)

    async def _receive(self, message: aiormq.abc.DeliveredMessage, channel: Channel, lease: port.Lease) -> None:
        incoming, letters, fault = deliveries.unpack(
            message, channel=channel, queue=self.queue, lease=lease, bury=self._bury
        )
        if lease.lost:
            return
        if fault is not None:
            log.error("message_unreadable", queue=self.queue, message_id=incoming.message_id, fault=str(fault))
            await incoming.refuse()
            return
        for delivery in letters:
            self._keep(asyncio.create_task(self._handle(delivery)))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, delivery: deliveries.RabbitDelivery) -> None:
        try:
            await self._handler(delivery)
        except Exception:
            log.exception("handler_failed", queue=self.queue, message_id=delivery.message_id)
            await asyncio.sleep(port.FAILED_HANDLER_PAUSE_S)
            await delivery.give_back()
