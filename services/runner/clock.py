"""Time, passed in, so that the core can be driven by a test."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Protocol


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


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return the milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after this long."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Bound a block: it raises `TimeoutError` after this long."""
        return asyncio.timeout(seconds)
