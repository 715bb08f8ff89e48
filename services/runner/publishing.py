"""Publishing until it is confirmed, for as long as the lease lives.

Whatever a runner publishes can be published twice: the recorder takes it once. So an outcome that is unknown is
answered by the same letter again. What must not happen is an acknowledgement before the confirm, or a letter after
the lease.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog

from libs.common import clock, errors
from libs.common.bus import port

log = structlog.get_logger(__name__)

PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0)


class Publisher(Protocol):
    """What is needed of the bus; see `port.Bus`."""

    def publish(self, letter: port.Letter) -> "asyncio.Future[None]":
        """Send it."""


class Post:
    """Sends letters."""

    def __init__(self, bus: Publisher, clock: clock.Clock) -> None:
        self.bus = bus
        self.clock = clock
        self._unwatched: set[asyncio.Task[None]] = set()

    def send(self, letter: port.Letter) -> "Sending":
        """Publish at once; the result tells when it is confirmed."""
        return Sending(self, letter)

    def send_unwatched(self, letter: port.Letter) -> None:
        """Publish at once, and again while the lease lives if it is not confirmed, without anybody's waiting for it."""
        sending = self.send(letter)
        sending.on_failure(lambda: self._see_to(sending))

    def _see_to(self, sending: "Sending") -> None:
        task = asyncio.create_task(_until_confirmed(sending))
        self._unwatched.add(task)
        task.add_done_callback(self._unwatched.discard)


class Sending:
    """A letter on its way."""

    __slots__ = ("_future", "_letter", "_post", "_tries")

    def __init__(self, post: Post, letter: port.Letter) -> None:
        self._post = post
        self._letter = letter
        self._tries = 0
        self._future = post.bus.publish(letter)

    @property
    def is_confirmed(self) -> bool:
        """Whether the broker is known to hold it."""
        future = self._future
        return future.done() and not future.cancelled() and future.exception() is None

    def on_failure(self, callback: Callable[[], None]) -> None:
        """Call back if the broker does not confirm the first try."""
        self._future.add_done_callback(lambda done: callback() if done.cancelled() or done.exception() else None)

    async def confirmed(self) -> None:
        """Return once the broker holds it.

        Raises `MessageTooLarge`, or `LeaseLost` once the lease in whose name it is sent has ended. A wait that is
        cancelled leaves the letter on its way, and can be taken up again.
        """
        while True:
            try:
                return await asyncio.shield(self._future)
            except (errors.OutcomeUnknown, errors.BusUnavailable, errors.Unroutable) as error:
                await self._again(error)

    async def _again(self, error: errors.BusError) -> None:
        self._raise_if_lost()
        log.warning("publish_again", key=self._letter.key, error=type(error).__name__, tries=self._tries + 1)
        await self._post.clock.sleep(PAUSES_S[min(self._tries, len(PAUSES_S) - 1)])
        self._raise_if_lost()
        self._tries += 1
        self._future = self._post.bus.publish(self._letter)

    def _raise_if_lost(self) -> None:
        lease = self._letter.lease
        if lease is not None and lease.lost:
            raise errors.LeaseLost("the lease ended before this was confirmed")


async def _until_confirmed(sending: Sending) -> None:
    with suppress(errors.LeaseLost, errors.MessageTooLarge):
        await sending.confirmed()
