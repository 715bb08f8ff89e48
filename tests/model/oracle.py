"""What must hold, written down without the code that is tested: who has been granted what, and who may act.

The strictest sentence is about effects: one may begin only if every earlier one of the same step was cut short by the
loss of its runner before its event had reached the recorder's queue. So no two attempts ever act at once, and what is
journaled is not done again.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, Final

from libs.common import messages
from services.debugger import leases

ENDED: Final = ("success", "error", "cancelled")
RUNNERS_TO_LOSE: Final = 5


class Violation(AssertionError):
    """The protocol broke a promise; bears the run that it was broken to."""

    def __init__(self, run_id: str, promise: str) -> None:
        super().__init__(f"{run_id}: {promise}")
        self.run_id = run_id


def demand(holds: bool, run_id: str, promise: str) -> None:
    """Raise `Violation` unless it holds."""
    if not holds:
        raise Violation(run_id, promise)


@dataclass(slots=True, eq=False)
class Effect:
    """One beginning of one step that acts. `cut`: its runner was lost in the middle."""

    attempt: int
    frozen_ms: int
    cut: bool = False
    landed: bool = False


@dataclass(slots=True)
class Oracle:
    """Knows what was granted, released, awaited, performed and lost; raises `Violation`."""

    granted: dict[str, int] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    released: set[tuple[str, int]] = field(default_factory=set)
    until_ms: dict[str, int] = field(default_factory=dict)
    waits: dict[tuple[str, str], int] = field(default_factory=dict)
    effects: defaultdict[tuple[str, str], list[Effect]] = field(default_factory=lambda: defaultdict(list))
    ends: dict[str, str] = field(default_factory=dict)
    losses: Counter[str] = field(default_factory=Counter)
    chain_ms: dict[str, int] = field(default_factory=dict)

    # --- runners ---------------------------------------------------------------------------------------------------

    def begins(self, run_id: str, path: str, effect: Effect) -> None:
        """An attempt begins to act."""
        demand(run_id not in self.ends, run_id, f"step {path} acts although the run has ended")
        for own in self.effects_of(run_id, effect.attempt):
            demand(own.landed, run_id, f"step {path} acts although the one before it is not journaled")
        for earlier in self.effects[run_id, path]:
            demand(earlier.cut, run_id, f"step {path} acts while attempt {earlier.attempt} does, or has done")
            demand(
                not earlier.landed, run_id, f"step {path} acts again although attempt {earlier.attempt} journaled it"
            )
        self.effects[run_id, path].append(effect)

    def effects_of(self, run_id: str, attempt: int) -> list[Effect]:
        """Return what an attempt has begun to do."""
        lists = (effects for (owner, _), effects in self.effects.items() if owner == run_id)
        return [effect for effects in lists for effect in effects if effect.attempt == attempt]

    def passes_wait(self, run_id: str, path: str, at_ms: int) -> None:
        """An attempt goes on behind a wait."""
        until_ms = self.waits.get((run_id, path))
        demand(until_ms is not None, run_id, f"wait {path} was skipped")
        demand(at_ms >= (until_ms or 0), run_id, f"wait {path} was cut short")

    def lands(self, event: messages.Event) -> None:
        """An event is in the recorder's queue."""
        for step in getattr(event, "steps", ()):
            for effect in self.effects.get((event.run_id, step.path), ()):
                if effect.attempt == getattr(event, "attempt", 0):
                    effect.landed = True

    # --- recorder --------------------------------------------------------------------------------------------------

    def recorded(self, event: Any, before: leases.RunState | None, after: leases.RunState | None) -> None:
        """An event was recorded."""
        run_id = event.run_id
        if run_id in self.ends and before is not None:
            assert after is not None
            demand(
                before == replace(after, known=before.known), run_id, "changed after its end"
            )  # its request may come
            return
        if isinstance(event, messages.Claim):
            if after is not None and after.status in ENDED:
                self._ends(run_id, "crashed")
        elif hasattr(event, "attempt") and not self._superseded(event):
            self._counts(event, after)
        elif hasattr(event, "attempt"):
            demand(after == before, run_id, f"{type(event).__name__} of superseded attempt {event.attempt} counted")
        self._is_possible(run_id, after)

    def _superseded(self, event: Any) -> bool:
        run_id, attempt = event.run_id, event.attempt
        return attempt < self.granted.get(run_id, 1) or (run_id, attempt) in self.released

    def _counts(self, event: Any, after: leases.RunState | None) -> None:
        run_id = event.run_id
        assert after is not None
        if isinstance(event, messages.Result):
            demand(after.status == event.status, run_id, "its result did not end it")
            self._ends(run_id, event.status)
        elif isinstance(event, messages.Parked | messages.HandedBack):
            self.released.add((run_id, event.attempt))
            if isinstance(event, messages.Parked):
                self.until_ms[run_id] = event.until_ms
                if event.status != "queued":
                    self.chain_ms.pop(run_id, None)
                    self.waits[run_id, event.steps[-1].path] = event.until_ms
        if isinstance(event, messages.Started | messages.StepsDone | messages.HandedBack):
            frozen_ms = self.chain_ms.setdefault(run_id, event.now_ms)
            demand(frozen_ms == event.now_ms, run_id, "now() changed between attempts that go on from each other")

    def answered(self, claim: messages.Claim, answer: messages.Answer, at_ms: int) -> None:
        """A claim was judged."""
        run_id = claim.run_id
        if answer.verdict != "go":
            return
        demand(run_id not in self.ends, run_id, "granted after its end")
        if self.nonces.get(run_id) == claim.nonce:
            demand(answer.attempt == self.granted[run_id], run_id, "one nonce, two attempts")
            return
        demand(answer.attempt > self.granted.get(run_id, 1), run_id, "one attempt granted to two claims")
        demand(at_ms >= self.until_ms.get(run_id, 0), run_id, "granted before its wait is over")
        self.granted[run_id], self.nonces[run_id] = answer.attempt, claim.nonce

    def closed(self, run_id: str) -> None:
        """The sweeper closed a run that its gateway had refused."""
        self._ends(run_id, "unavailable")

    def _ends(self, run_id: str, how: str) -> None:
        demand(run_id not in self.ends, run_id, "ended twice")
        if how == "crashed":
            lost = self.losses[run_id]
            demand(lost >= RUNNERS_TO_LOSE, run_id, f"crashed, but lost only {lost} runners")
        self.ends[run_id] = how

    def _is_possible(self, run_id: str, state: leases.RunState | None) -> None:
        """What the schema's checks demand of a row."""
        if state is None:
            return
        if state.parked_until_ms is not None:
            demand(
                state.holder is None and state.status in ("queued", "waiting", "retrying"), run_id, "parked, yet held"
            )
        elif state.status in ("waiting", "retrying"):
            raise Violation(run_id, "waits for no time")
