"""What the leader's duties have in common: rounds, for ever, of which one that fails is tried again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.debugger import publishing

log = structlog.get_logger(__name__)


async def rounds(work: Callable[[], Awaitable[float]], *, every_s: float, name: str) -> None:
    """Do the work again and again. It returns for how long to pause; after a failure that is `every_s`.

    That the broker or PostgreSQL is away is a warning, anything else an error with its traceback.
    """
    while True:
        try:
            pause_s = await work()
        except Exception as error:
            pause_s = every_s
            if publishing.passes(error):
                log.warning("round_later", duty=name, why=str(error) or type(error).__name__)
            else:
                log.exception("round_later", duty=name)
        await asyncio.sleep(pause_s)
