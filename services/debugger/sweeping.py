"""When a run is brought back, or closed, because its message must be gone. Pure; the sweeper brings the facts.

The theory. A swept run is claimed, so a copy too many is dropped. What a copy must not meet is the run's own message,
still fresh, in hands that execute it without asking: both would act. So it is proved first that this cannot be:

- A message that is older than the fast path allows (`claim_age`) is claimed, wherever it is. Hence `anyway_ms`.
- A message that is *passed* is in somebody's hands or nowhere: its lane's queue was seen empty, or a run of its lane
  that was accepted well behind it (`OVERTAKEN_BY_MS`) began on the fast path; one that was claimed proves nothing, for
  it may have been swept itself. Both count from the moment at which the sweeper saw it while the run was in the record
  already: not from a gateway's clock. Whoever holds the message then either begins within `claim_hold`, and says so at
  once, or has to claim. A runner that was frozen in between has lost it by then: `after_ms` is `claim_hold` and more than
  a heartbeat's loss.
- What was said need not be recorded yet. So a mark is published once the time is over; when the recorder has consumed
  it, everything that was published before is in the record, and what is still quiet there is quiet.

A run that has shown life is brought back only after `anyway_ms` without another sign: whoever holds a message parks it
or loses it long before. Several copies are harmless, since a claim takes a run over only from the attempt that its
message names.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from services.debugger import leases

OVERTAKEN_BY_MS: Final = 60_000  # queues are not served in the order of the gateways' clocks, to this extent

Action = Literal["leave", "mark", "wake", "close"]


@dataclass(frozen=True, slots=True)
class Ages:
    """`after_ms`: from being passed to the proof; `anyway_ms`: without one. More than `claim_hold` and `claim_age`."""

    after_ms: int
    anyway_ms: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the record knows of a run that has not ended. Times are the database's clock, in milliseconds.

    `quiet_since_ms`: its acceptance, its last sign of life, or the last message that the scheduler or the sweeper has
    published for it, whichever is latest. `asleep`: parked, and not woken yet. `passed_ms`: since when its first message
    is passed; None where it is not, and where the sweeper has published another one.
    """

    known: bool
    seen: bool
    refused: bool
    asleep: bool
    quiet_since_ms: int
    passed_ms: int | None = None


def judge(facts: Facts, ages: Ages, at_ms: int, recorded_ms: int) -> Action:
    """Return what to do about a run.

    `recorded_ms` is when the last mark was published that the recorder has consumed: what was published before it is
    among the facts. `mark` asks for a newer one; a single mark serves all runs.
    """
    if facts.asleep:
        return "leave"  # the scheduler's
    if not _quiet(facts, ages, at_ms):
        return "leave"
    if facts.refused and not facts.seen:
        proved: Action = "close"
    elif facts.known:
        proved = "wake"
    else:
        return "leave"  # nobody knows what to run; whoever brings the request brings it with a claim
    return proved if _quiet(facts, ages, recorded_ms) else "mark"


def _quiet(facts: Facts, ages: Ages, at_ms: int) -> bool:
    if at_ms >= facts.quiet_since_ms + ages.anyway_ms:
        return True
    return not facts.seen and facts.passed_ms is not None and at_ms >= facts.passed_ms + ages.after_ms


def close(state: leases.RunState) -> leases.RunState:
    """Return the state of a run that was refused and never showed; unchanged where it has shown life or ended.

    To be applied under the row's lock, since a claim may have come in the meantime.
    """
    if state.ended or state.seen or not state.refused:
        return state
    return replace(state, status="error", parked_until_ms=None)
