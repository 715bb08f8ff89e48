"""Results on their way back to the senders that wait for them.

The queue is this gateway's own and its consumer acknowledges, so results survive a short cut of the connection. It is
subscribed to before the bus begins to connect, so the bus is ready, and the first run published, only once it stands.
"""

from typing import Final

import structlog

from libs.common import errors, messages, topology
from libs.common.bus import port
from libs.common.bus.waiters import Waiters
from services.gateway.deduplication import Deduplication

log = structlog.get_logger(__name__)

PREFETCH: Final = 256


class Replies:
    """The consumer of this gateway's results."""

    def __init__(
        self, bus: port.Bus, waiters: Waiters[messages.Result], deduplication: Deduplication, gateway_id: str
    ) -> None:
        self._waiters = waiters
        self._deduplication = deduplication
        self._subscription = bus.subscribe(topology.reply_queue(gateway_id).name, self._handle, prefetch=PREFETCH)

    async def start(self) -> None:
        """Do nothing: the subscription stands with the bus."""

    async def stop(self) -> None:
        """Take no more results."""
        await self._subscription.close()

    async def _handle(self, delivery: port.Delivery) -> None:
        """Hand a result to whoever waits for its run. One that comes late, or twice, is for no sender."""
        try:
            event = messages.decode(delivery.schema, delivery.body)
        except errors.UnreadableMessage as error:
            log.warning("result_unreadable", why=str(error))
            await delivery.reject(str(error))
            return
        if isinstance(event, messages.Result):
            self._waiters.resolve(event.run_id, event)
            self._deduplication.ended(event)
        await delivery.ack()
