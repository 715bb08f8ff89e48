"""What an attempt has behind it: the steps of earlier attempts, and those finished since, published or not.

A step with an outside effect is published at once, together with those before it that no event bears yet. It is
confirmed before the next effect starts, so at most the effect in flight can be repeated after a crash.
"""

from collections.abc import Callable
from typing import Protocol

from libs.common import messages


class Sending(Protocol):
    """An event on its way."""

    @property
    def is_confirmed(self) -> bool:
        """Whether the broker is known to hold it."""

    async def confirmed(self) -> None:
        """Return once the broker holds it; raise `LeaseLost` or `MessageTooLarge` if it never will."""


Announce = Callable[[tuple[messages.Step, ...]], Sending]


class Trail:
    """The finished steps of one attempt."""

    __slots__ = ("_announce", "_fresh", "_sending", "_sent", "known")

    def __init__(self, journal: tuple[messages.Step, ...], announce: Announce) -> None:
        self.known = {step.path: step for step in journal}
        self._announce = announce
        self._fresh: list[messages.Step] = []
        self._sent: tuple[messages.Step, ...] = ()
        self._sending: Sending | None = None

    def add(self, step: messages.Step) -> None:
        """Remember a finished step; the next event bears it."""
        self._fresh.append(step)

    def publish(self) -> None:
        """Send what no event bears yet, now. Whatever was sent before is confirmed by then."""
        self._sent, self._fresh = tuple(self._fresh), []
        self._sending = self._announce(self._sent)

    async def confirmed(self) -> None:
        """Return once all that was sent is held by the broker; raise as `Sending.confirmed` does."""
        if self._sending is not None:
            await self._sending.confirmed()
            self._sending, self._sent = None, ()

    def unconfirmed(self) -> tuple[messages.Step, ...]:
        """Return the steps of which no confirmed event is known, for the attempt's last event to bear.

        That event does not wait for the confirm of the one before it: it bears its steps once more instead.
        """
        if self._sending is not None and self._sending.is_confirmed:
            return tuple(self._fresh)
        return (*self._sent, *self._fresh)
