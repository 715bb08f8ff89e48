"""What has come in and is to be recorded together."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from libs.common.bus import port

MAX_BYTES: Final = 16 * 1024 * 1024


class Inbox:
    """Deliveries in the order in which they came, given out by the batch.

    A batch is complete `window_ms` after its first delivery was there, or when it holds `limit` of them or 16 MiB.
    """

    def __init__(self, *, window_ms: int, limit: int) -> None:
        self._window_s = window_ms / 1000
        self._limit = limit
        self._waiting: deque[port.Delivery] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._full = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, delivery: port.Delivery) -> None:
        """Add a delivery behind the others."""
        self._waiting.append(delivery)
        self._bytes += len(delivery.body)
        self._signal()

    async def next_batch(self) -> list[port.Delivery]:
        """Return the next batch as soon as it is complete; it may be empty, for what has lost its lease is left out."""
        await self._some.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._window_s):
                await self._full.wait()
        taken = self._take()
        self._signal()
        return [delivery for delivery in taken if not delivery.lease.lost]

    def _take(self) -> list[port.Delivery]:
        taken: list[port.Delivery] = []
        room = MAX_BYTES
        while self._waiting and len(taken) < self._limit and room > 0:
            delivery = self._waiting.popleft()
            taken.append(delivery)
            room -= len(delivery.body)
            self._bytes -= len(delivery.body)
        return taken

    def _signal(self) -> None:
        _set(self._some, bool(self._waiting))
        _set(self._full, len(self._waiting) >= self._limit or self._bytes >= MAX_BYTES)


def _set(event: asyncio.Event, holds: bool) -> None:
    if holds:
        event.set()
    else:
        event.clear()
