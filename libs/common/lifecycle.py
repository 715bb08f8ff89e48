"""Ordered start and stop: what was started last is stopped first, and a failing start stops what stood already."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)


class Part(Protocol):
    """Something with a beginning and an end. `stop` is harmless when repeated, and without a start."""

    async def start(self) -> None:
        """Begin; an exception means that it does not stand."""

    async def stop(self) -> None:
        """End, within the part's own grace."""


class Lifecycle:
    """Parts in the order in which they depend on each other."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts
        self._standing: list[Part] = []

    async def start(self) -> None:
        """Start every part in order; if one fails, stop the others and raise its error."""
        for part in self._parts:
            try:
                await self.stand(part)
            except BaseException:
                await self.stop()
                raise

    async def stand(self, part: Part) -> None:
        """Start one more part, which is stopped before all that stand already."""
        await part.start()
        self._standing.append(part)

    async def stop(self) -> None:
        """Stop every part that stands, in reverse order; an error of one does not keep the others standing."""
        while self._standing:
            part = self._standing.pop()
            try:
                await part.stop()
            except Exception:
                log.exception("stop_failed", part=type(part).__name__)

    async def run_until(self, stopping: asyncio.Event) -> None:
        """Start, wait for the event, stop. The event also ends a start that still waits for something."""
        told = asyncio.create_task(stopping.wait())
        starting = asyncio.create_task(self.start())
        try:
            await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                await told
        finally:
            await _cancelled(starting)
            await _cancelled(told)
            await self.stop()


async def _cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task


class Duty:
    """A background task with a name: one verb in a loop, stopped by cancelling it."""

    def __init__(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._name = name
        self._work = work
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin the task."""
        self._task = asyncio.create_task(self._work(), name=self._name)
        self._task.add_done_callback(self._report)

    def _report(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("duty_failed", duty=self._name, exc_info=error)

    @property
    def alive(self) -> bool:
        """Whether the task runs."""
        return self._task is not None and not self._task.done()

    async def stop(self) -> None:
        """Cancel the task and wait for its end."""
        task, self._task = self._task, None
        if task is None:
            return
        await _cancelled(task)


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set the event on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)


async def every(seconds: float, work: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Do the work again and again with a pause between; log what it raises and go on."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("duty_round_failed", duty=name)
        await asyncio.sleep(seconds)
