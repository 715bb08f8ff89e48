"""What a simulated runner has in its hands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.runner import trail
from tests.model import broker
from tests.model.oracle import Effect


@dataclass(slots=True, eq=False)
class Slot:
    """A message in this runner's hands, and how far it is with it."""

    message: broker.Message
    since_ms: int
    rests_until_ms: int = 0  # all of the runner's slots are taken until then
    stage: str = "held"  # claiming, asked, starting, ready, acting, leaving
    nonce: str = ""
    asked_ms: int = 0
    attempt: int = 0
    frozen_ms: int = 0
    at: int = 0
    behind: trail.Trail | None = None
    sending: "Sending | None" = None
    effect: Effect | None = None

    @property
    def run_id(self) -> str:
        """The run."""
        return self.message.body.run_id


@dataclass(slots=True, eq=False)
class Sending:
    """Something on its way to the broker, and what is done once it is confirmed."""

    queue: str  # empty: the recorder's
    body: Any
    at_ms: int
    slot: Slot | None = None
    then: "Callable[[Slot], None] | None" = None
    landed: bool = False

    @property
    def is_confirmed(self) -> bool:
        """As `trail.Sending`."""
        return self.landed

    async def confirmed(self) -> None:
        """As `trail.Sending`; the model asks only when it has landed."""
        assert self.landed
