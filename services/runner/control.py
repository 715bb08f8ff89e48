"""A runner's own queue: answers to its claims, and cancellations, which go to every runner."""

import structlog

from libs.common import errors, messages
from libs.common.bus import port
from services.runner import claims, in_hand, reports

log = structlog.get_logger(__name__)


class Control:
    """Hands on what is told to this runner."""

    def __init__(self, claims: claims.Claims, held: in_hand.InHand, reports: reports.Reports) -> None:
        self._claims = claims
        self._held = held
        self._reports = reports

    async def handle(self, delivery: port.Delivery) -> None:
        """Hand on one message, then acknowledge it. A grant that nobody uses is given up, confirmed, before that."""
        try:
            message = messages.decode(delivery.schema, delivery.body)
        except errors.UnreadableMessage as error:
            await delivery.reject(str(error))
            return
        match message:
            case messages.Answer() if not self._claims.answered(message):
                log.info("grant_unwanted", run_id=message.run_id, attempt=message.attempt)
                await self._reports.unwanted(message, delivery.lease)
            case messages.Cancel(run_id=run_id) if self._held.cancel(run_id):
                log.info("run_cancelled", run_id=run_id)
            case _:
                pass
        await delivery.ack()
