"""Who waits for which answer: register the future, then publish, then wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Waiters(Generic[Value]):
    """Futures by correlation id. An answer that nobody waits for is dropped, so it never reaches another caller."""

    def __init__(self) -> None:
        self._futures: dict[str, asyncio.Future[Value]] = {}

    def __len__(self) -> int:
        return len(self._futures)

    @contextmanager
    def expect(self, key: str) -> Iterator["asyncio.Future[Value]"]:
        """Give the future that the answer with this id resolves; leaving the block forgets it."""
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self._futures[key] = future
        try:
            yield future
        finally:
            del self._futures[key]
            future.cancel()

    def resolve(self, key: str, value: Value) -> bool:
        """Hand an answer to whoever waits for it; tell whether somebody did."""
        future = self._futures.get(key)
        if future is None or future.done():
            return False
        future.set_result(value)
        return True

    def fail_all(self, error: Exception) -> None:
        """Answer everybody who still waits with this error, at a shutdown."""
        for future in self._futures.values():
            if not future.done():
                future.set_exception(error)
