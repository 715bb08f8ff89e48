"""Time, passed in, so that the core can be driven by a test."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from libs.common import times

LONGEST_TURN_S: Final = 0.05


class Clock(Protocol):
    """What the engine needs to know of time."""

    def now_ms(self) -> int:
        """Return the milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    async def sleep(self, seconds: float) -> None:
        """Return after this long."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Bound a block: it raises `TimeoutError` after this long."""

    def turn_is_long(self) -> bool:
        """Tell whether the event loop has not come round for long, so that whoever computes lets others go first."""


class SystemClock:
    """The machine's clock.

    Runs that only compute never wait, so many of them, or one of many slow steps, would hold the event loop between
    them: heartbeats are missed, and the watchdog bites. A turn begins with the first who asks in it.
    """

    def __init__(self, longest_turn_s: float = LONGEST_TURN_S) -> None:
        self._longest_turn_s = longest_turn_s
        self._turn_began: float | None = None

    def now_ms(self) -> int:
        """Return the milliseconds since the epoch."""
        return times.now_ms()

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after this long."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Bound a block: it raises `TimeoutError` after this long."""
        return asyncio.timeout(seconds)

    def turn_is_long(self) -> bool:
        """Tell whether the event loop has not come round for long; whoever is told so sleeps for no time, and asks."""
        if self._turn_began is None:
            self._turn_began = time.monotonic()
            asyncio.get_running_loop().call_soon(self._come_round)
            return False
        return time.monotonic() - self._turn_began > self._longest_turn_s

    def _come_round(self) -> None:
        self._turn_began = None
