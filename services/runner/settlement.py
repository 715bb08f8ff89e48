"""The one place that decides what happens to a message: it follows from the outcome alone."""

from enum import Enum
from typing import assert_never

from libs.common.bus import port
from services.runner import outcomes


class Settlement(Enum):
    """What is done with a message, exactly once."""

    ACK = "ack"
    GIVE_BACK = "give_back"
    REJECT = "reject"
    NOTHING = "nothing"


def settlement(outcome: outcomes.Outcome) -> Settlement:
    """Return what follows for the message. Whatever had to be published for the outcome is confirmed by now."""
    match outcome:
        case outcomes.Finished() | outcomes.Failed() | outcomes.Cancelled() | outcomes.Parked():
            return Settlement.ACK
        case outcomes.Superseded() | outcomes.Dropped():
            return Settlement.ACK
        case outcomes.Interrupted() | outcomes.Untouched():
            return Settlement.GIVE_BACK
        case outcomes.Unreadable():
            return Settlement.REJECT
        case outcomes.Lost():
            return Settlement.NOTHING
        case _:
            assert_never(outcome)


async def settle(delivery: port.Delivery, outcome: outcomes.Outcome) -> None:
    """Do to the delivery what follows from the outcome."""
    match settlement(outcome):
        case Settlement.ACK:
            await delivery.ack()
        case Settlement.GIVE_BACK:
            await delivery.give_back()
        case Settlement.REJECT:
            await delivery.reject(outcome.why if isinstance(outcome, outcomes.Unreadable) else "refused")
        case Settlement.NOTHING:
            pass
