"""At most so many runs execute at once, and no queue holds more than its share of them."""

import asyncio
from collections import Counter, deque


class Slots:
    """`total` slots; one queue's runs take at most three quarters, so that a flood leaves room for the other lanes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._share = max(1, total * 3 // 4)
        self._taken = 0
        self._by_queue: Counter[str] = Counter()
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    @property
    def taken(self) -> int:
        """How many runs execute."""
        return self._taken

    def try_take(self, queue: str) -> bool:
        """Take a slot if there is one for this queue."""
        # Nobody who waits is passed over: each return serves all who can be served, so whoever waits cannot.
        if not self._free(queue):
            return False
        self._taken += 1
        self._by_queue[queue] += 1
        return True

    async def take(self, queue: str) -> None:
        """Wait for a slot, in order of arrival."""
        if self.try_take(queue):
            return
        future = asyncio.get_running_loop().create_future()
        entry = (queue, future)
        self._waiting.append(entry)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give(queue)
            else:
                self._waiting.remove(entry)
            raise

    def give(self, queue: str) -> None:
        """Return a slot; whoever has waited longest for one that he may have gets it."""
        self._taken -= 1
        self._by_queue[queue] -= 1
        for entry in self._waiting:
            waiting, future = entry
            if self._free(waiting) and not future.done():
                self._waiting.remove(entry)
                self.try_take(waiting)
                future.set_result(None)
                return

    def _free(self, queue: str) -> bool:
        return self._taken < self._total and self._by_queue[queue] < self._share
