"""Who may execute a run: claims, the fence, and what each event does to a run. Pure; the recorder brings the state.

The theory. *The message is the lease*: whoever holds a run's unacknowledged message may execute it, as attempt 1,
without asking. Whoever has a message that may have been in other hands asks first, by a claim that stands in the same
queue behind all that a lost runner published. A claim that is granted makes a new attempt; every event bears its
attempt, and what comes from a lower one no longer counts (the fence). So two runners may believe in one run, and only
one is heard.

Three details that a model found (tests/model/test_protocol_model.py holds them):

- An attempt that has parked or was handed back is over: nothing more from it counts, or a repeated `started` behind its
  `parked` would leave the run held by nobody and due never.
- A batch that comes again brings old claims with it. A nonce that was answered is remembered; only the latest grant is
  answered again as it was, else an old claim would take the run from the attempt that executes it.
- `suspect` hands the run to the message that claimed it, at the same attempt, until its replacement takes over; and it
  is answered again like a grant. Else the run's only message is dropped when it comes again, when its answer is lost,
  or when another message takes its place since no answer came.

An attempt counts as lost if it announced its start (confirmed before its first step, which attempt 1 never waits for)
and was superseded without having parked or been handed back. What people are shown as `redelivered` counts more: every
attempt that was handed back or superseded, but not the waits, which end an attempt as planned, nor an attempt 1 that
nobody can have begun.
"""

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Final, Literal

from libs.common import messages

SUSPECT_AFTER: Final = 2
CRASH_AFTER: Final = 5
NONCES_KEPT: Final = 100

RunStatus = Literal["queued", "running", "waiting", "retrying", "success", "error", "cancelled"]
ENDED: Final = frozenset({"success", "error", "cancelled"})


@dataclass(frozen=True, slots=True)
class RunState:
    """What decides over a run. `known`: its request is recorded. `seen`: it has shown a sign of life."""

    status: RunStatus = "queued"
    attempt: int = 1
    holder: str | None = None  # the message whose claim was answered last by `go` or `suspect`, unless it has let go
    nonce: str | None = None  # that claim's nonce
    nonces: tuple[str, ...] = ()  # the claims that have their answer for good
    announced: bool = False  # the attempt has begun, so superseding it loses a runner
    released: bool = False  # the attempt has parked or was handed back
    lost: int = 0
    redelivered: int = 0  # attempts that were handed back, or superseded without having parked
    now_ms: int | None = None
    parked_until_ms: int | None = None
    known: bool = False
    seen: bool = False
    refused: bool = False

    @property
    def ended(self) -> bool:
        """Whether it has ended, for good."""
        return self.status in ENDED

    @property
    def held(self) -> messages.Holder:
        """The pair that a replacement names."""
        return messages.Holder(self.holder, self.attempt)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a claim and the state after it. `crashed`: this claim found the run's last runner lost."""

    verdict: Literal["go", "suspect", "drop"]
    state: RunState | None
    crashed: bool = False


def decide(state: RunState | None, claim: messages.Claim, at_ms: int) -> Decision:
    """Answer a claim. `at_ms` is the clock that the scheduler goes by, too: the database's."""
    if state is None or not state.known:
        if claim.request is None:
            return Decision("drop", state)
        state = replace(state or RunState(), known=True)
    if state.ended:
        return Decision("drop", state)
    if claim.nonce in state.nonces:
        return Decision(_said_before(state, claim), state)
    if _waits(state, at_ms) or not _may_take(state, claim):
        return Decision("drop", _remember(state, claim.nonce))
    return _grant(state, claim)


def _said_before(state: RunState, claim: messages.Claim) -> Literal["go", "suspect", "drop"]:
    """Return the same answer again. Once a granted attempt is announced its answer was heard, and any will do."""
    if claim.nonce != state.nonce:
        return "drop"
    return "suspect" if _is_suspect(state.lost + state.announced, claim) else "go"


def _is_suspect(lost: int, claim: messages.Claim) -> bool:
    return lost >= SUSPECT_AFTER and not claim.suspect


def _waits(state: RunState, at_ms: int) -> bool:
    return state.parked_until_ms is not None and at_ms < state.parked_until_ms


def _may_take(state: RunState, claim: messages.Claim) -> bool:
    if state.holder is None or state.holder == claim.message_id or claim.replaces == state.held:
        return True
    return claim.replaces_nonce is not None and claim.replaces_nonce == state.nonce


def _remember(state: RunState, nonce: str) -> RunState:
    return replace(state, nonces=(*state.nonces[-NONCES_KEPT:], nonce))


def _grant(state: RunState, claim: messages.Claim) -> Decision:
    lost = state.lost + state.announced
    if lost >= CRASH_AFTER:
        return Decision("drop", replace(state, status="error", lost=lost, parked_until_ms=None), crashed=True)
    if _is_suspect(lost, claim):
        return Decision("suspect", _hand_to(state, claim))
    granted = replace(
        _hand_to(state, claim),
        attempt=state.attempt + 1,
        announced=False,
        released=False,
        lost=lost,
        redelivered=state.redelivered + _supersedes(state, claim),
        seen=True,
    )
    return Decision("go", granted)


def _supersedes(state: RunState, claim: messages.Claim) -> bool:
    """Tell whether somebody has, or may have, the attempt before this claim's: a run's first claim may be its first."""
    return not state.released and (state.seen or claim.redelivered)


def _hand_to(state: RunState, claim: messages.Claim) -> RunState:
    """Return the state once the claim's message holds the run, at whichever attempt."""
    held = _remember(state, claim.nonce)
    return replace(held, status="queued", holder=claim.message_id, nonce=claim.nonce, parked_until_ms=None)


def request_seen(state: RunState | None) -> RunState:
    """Return the state once the copy of the run's request is there; it changes nothing else."""
    return replace(state or RunState(), known=True)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an event did. Where it does not count, its steps belong neither into the record nor into the journal."""

    state: RunState
    counts: bool


def apply(state: RunState | None, event: messages.Event) -> Applied:
    """Return what an event does to a run; claims and marks have answers of their own and do nothing here."""
    if state is None:
        state = RunState(attempt=getattr(event, "attempt", 1))
    attempt = getattr(event, "attempt", state.attempt)
    superseded = attempt < state.attempt or (state.released and attempt == state.attempt)
    if state.ended or (superseded and hasattr(event, "attempt")):
        return Applied(state, counts=False)
    return Applied(_apply(event, state), counts=True)


@singledispatch
def _apply(event: messages.Event, state: RunState) -> RunState:
    return state


@_apply.register
def _(event: messages.Started, state: RunState) -> RunState:
    return replace(state, status="running", announced=event.attempt > 1, now_ms=event.now_ms, seen=True)


@_apply.register
def _(event: messages.StepsDone, state: RunState) -> RunState:
    return replace(state, status="running", now_ms=event.now_ms, seen=True)


@_apply.register
def _(event: messages.Parked, state: RunState) -> RunState:
    now_ms = (
        state.now_ms if event.status == "queued" else None
    )  # a wait ends the frozen clock; going on at once does not
    return replace(_let_go(state), status=event.status, now_ms=now_ms, parked_until_ms=event.until_ms)


@_apply.register
def _(event: messages.HandedBack, state: RunState) -> RunState:
    return replace(_let_go(state), status="queued", now_ms=event.now_ms, redelivered=state.redelivered + 1)


def _let_go(state: RunState) -> RunState:
    return replace(state, holder=None, announced=False, released=True, seen=True)


@_apply.register
def _(event: messages.Result, state: RunState) -> RunState:
    return replace(state, status=event.status, attempt=event.attempt, parked_until_ms=None, seen=True)


@_apply.register
def _(event: messages.Dead, state: RunState) -> RunState:
    return replace(state, status="error", parked_until_ms=None, seen=True)


@_apply.register
def _(event: messages.Refused, state: RunState) -> RunState:
    return replace(state, refused=True)
