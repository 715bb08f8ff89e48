"""Publish until it is confirmed: for what must be known to others, and is harmless when it comes twice."""

import asyncio
from collections.abc import Iterator
from typing import Final

import structlog

from libs.common import errors
from libs.common.bus import port
from services.debugger import database

log = structlog.get_logger(__name__)

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0


def pauses(first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> Iterator[float]:
    """Return pauses that double up to the longest, for ever."""
    pause_s = first_s
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, longest_s)


def passes(error: Exception) -> bool:
    """Tell whether a round failed since the broker or PostgreSQL is away, so that a later one may do."""
    return isinstance(error, errors.BusError) or database.is_away(error)


async def publish_surely(bus: port.Bus, letter: port.Letter) -> bool:
    """Publish again until it is confirmed; False if nobody takes this key (any more).

    Raises `LeaseLost` once the letter's lease is lost, and `MessageTooLarge`; waits while the broker is away.
    """
    for pause_s in pauses():
        try:
            await bus.publish(letter)
        except errors.Unroutable:
            return False
        except (errors.BusUnavailable, errors.OutcomeUnknown) as error:
            if letter.lease is not None and letter.lease.lost:
                raise errors.LeaseLost("lost while publishing") from error
            log.warning("publish_again", key=letter.key, why=str(error) or type(error).__name__)
            await asyncio.sleep(pause_s)
        else:
            return True
    raise AssertionError("pauses never end")
