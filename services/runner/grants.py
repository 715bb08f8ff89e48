"""The right to execute a run, as one attempt, for as long as a lease lives."""

from dataclasses import dataclass

from libs.common import messages
from libs.common.bus import port
from services.runner import in_hand


@dataclass(frozen=True, slots=True)
class Grant:
    """Attempt 1 is taken without asking; every other one was granted by the recorder."""

    request: messages.RunRequest
    lease: port.Lease
    attempt: int
    now_ms: int  # what now() gives
    started_at_ms: int  # when the run began, in whichever attempt
    arrived: float  # when this runner got the message, on the monotonic clock
    journal: tuple[messages.Step, ...] = ()

    @property
    def claimed(self) -> bool:
        """Whether the recorder granted it."""
        return self.attempt > 1


def first(request: messages.RunRequest, held: in_hand.Held, at_ms: int) -> Grant:
    """Return the grant of a fresh run, which its message alone gives."""
    return Grant(request, held.delivery.lease, 1, at_ms, at_ms, held.arrived)


def answered(answer: messages.Answer, request: messages.RunRequest, held: in_hand.Held, at_ms: int) -> Grant:
    """Return what the recorder granted. Its clock goes on unless a wait has ended it."""
    began_at_ms = min((step.started_at_ms for step in answer.journal), default=at_ms)
    now_ms = at_ms if answer.now_ms is None else answer.now_ms
    return Grant(request, held.delivery.lease, answer.attempt, now_ms, began_at_ms, held.arrived, answer.journal)
