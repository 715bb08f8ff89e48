"""Messages of runs that were refused or came too often: each becomes an event, so that it stands in order.

The recorder ends the run by it, unless the run has ended, and answers the gateway that waits. What cannot be read is no
run of anybody's; it is put with the dead events, for people to look at. Dead events themselves are left where they are.
"""

from typing import Any, Final

import structlog

from libs.common import errors, messages, topology
from libs.common.bus import port
from services.debugger import publishing, recorder_metrics

log = structlog.get_logger(__name__)

PREFETCH: Final = 20
REASON: Final = "refused, or delivered too often"


class DeadRuns:
    """Consumes `dead.runs` for as long as it stands."""

    def __init__(self, bus: port.Bus) -> None:
        self._bus = bus
        self._subscription: port.Subscription | None = None

    async def start(self) -> None:
        """Begin to consume."""
        self._subscription = self._bus.subscribe(topology.DEAD_RUNS, self._handle, prefetch=PREFETCH)

    async def stop(self) -> None:
        """Stop; what is in hand comes again."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()

    async def _handle(self, delivery: port.Delivery) -> None:
        recorder_metrics.DEAD_RUNS.inc()
        await publishing.publish_surely(self._bus, _obituary(delivery))
        await delivery.ack()


def _obituary(delivery: port.Delivery) -> port.Letter:
    message = _message_of(delivery)
    if message is None:
        return port.Letter(topology.DEAD, "events", delivery.schema, delivery.body, alone=True)
    request = message if isinstance(message, messages.RunRequest) else None
    log.error("run_dead", run_id=message.run_id)
    dead = messages.Dead(run_id=message.run_id, reason=REASON, request=request)
    return port.letter(topology.EVENTS, "dead", dead)


def _message_of(delivery: port.Delivery) -> messages.RunRequest | messages.Wake | None:
    try:
        message: Any = messages.decode(delivery.schema, delivery.body)
    except errors.UnreadableMessage as error:
        log.error("dead_message_unreadable", schema=delivery.schema, why=str(error)[:500])
        return None
    return message if isinstance(message, messages.RunRequest | messages.Wake) else None
