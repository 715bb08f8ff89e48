"""The protocol as a model: real cores, a simulated broker, random faults; see `tests/model`.

Each interleaving is drawn from one number, and the same number gives the same interleaving. What broke is told with the
log of that interleaving and can be played again: `FLOWHOOK_MODEL_SEED=n pytest -k plays`. `FLOWHOOK_SOAK=1` plays
100,000 of them, beginning at a number that the clock gives unless `FLOWHOOK_MODEL_SEED` is set.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from libs.common import messages
from services.debugger import leases, proofs
from services.runner import trail
from tests.model import oracle, simulation, sweeper

SHORT = 2_000
LONG = 100_000
AT_MOST = 6_000  # a mutant that lives longer than this is not noticed
SOAK = os.environ.get("FLOWHOOK_SOAK") == "1"

decide, apply = leases.decide, leases.apply
State = leases.RunState


def play(seeds: range) -> Counter[str]:
    """Play interleavings; return how often runs ended in which way."""
    ends: Counter[str] = Counter()
    for seed in seeds:
        game = simulation.Simulation(seed)
        try:
            game.play()
        except oracle.Violation as violation:
            pytest.fail(f"seed {seed}: {violation}\n{game.faults}\n{game.story(violation.run_id)}", pytrace=False)
        ends.update(game.watch.ends.values())
    return ends


@pytest.mark.timeout(3600 if SOAK else 120)
def test_the_protocol_plays_without_a_broken_promise() -> None:
    seed = os.environ.get("FLOWHOOK_MODEL_SEED")
    count = LONG if SOAK else SHORT if seed is None else 1
    first = int(seed) if seed is not None else int(time.time()) * LONG if SOAK else 0
    sys.stdout.write(f"seeds {first} to {first + count - 1}\n")

    ends = play(range(first, first + count))

    assert count == 1 or min(ends["success"], ends["crashed"], ends["unavailable"]) > count / 100  # none is played idly


def test_the_same_seed_gives_the_same_interleaving() -> None:
    first, second = simulation.Simulation(7), simulation.Simulation(7)

    first.play()
    second.play()

    assert first.queues.trace == second.queues.trace


# --- the model has teeth: each of these changes to the cores is noticed ----------------------------------------------


def no_fence(state: State | None, event: Any) -> leases.Applied:
    applied = apply(state, event)
    if applied.counts or state is None or state.ended or state.released:
        return applied
    return replace(apply(replace(state, attempt=event.attempt), event), counts=True)


def release_forgotten(state: State | None, event: Any) -> leases.Applied:
    applied = apply(state, event)
    return replace(applied, state=replace(applied.state, released=False))


def end_is_not_final(state: State | None, event: Any) -> leases.Applied:
    return apply(replace(state, status="running") if state is not None and state.ended else state, event)


def parked_keeps_its_holder(state: State | None, event: Any) -> leases.Applied:
    applied = apply(state, event)
    if state is None or not isinstance(event, messages.Parked):
        return applied
    return replace(applied, state=replace(applied.state, holder=state.holder))


def now_is_not_kept(state: State | None, event: Any) -> leases.Applied:
    applied = apply(state, event)
    return replace(applied, state=replace(applied.state, now_ms=None))


def loss_of_the_unannounced_counts(state: State | None, event: Any) -> leases.Applied:
    applied = apply(state, event)
    return replace(applied, state=replace(applied.state, announced=not applied.state.released))


def nonces_forgotten(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    decision = decide(state, claim, at_ms)
    return replace(decision, state=decision.state and replace(decision.state, nonces=()))


def old_nonces_say_go(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    decision = decide(state, claim, at_ms)
    old = state is not None and not state.ended and claim.nonce in state.nonces
    return replace(decision, verdict="go") if old else decision


def wait_ignored(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    return decide(state, claim, at_ms + 10**9)


def holder_ignored(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    return decide(state and replace(state, holder=None), claim, at_ms)


def replacement_ignores_attempt(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    named = state is not None and claim.replaces is not None
    return decide(state, msgspec.structs.replace(claim, replaces=state.held) if named and state else claim, at_ms)


def put_off_claims_replace_nothing(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    return decide(state, msgspec.structs.replace(claim, replaces_nonce=None), at_ms)


def suspects_forgotten(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    decision = decide(state, claim, at_ms)
    return replace(decision, state=state) if decision.verdict == "suspect" else decision


def suspects_are_answered_once(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    decision = decide(state, claim, at_ms)
    again = decision.verdict == "suspect" and state is not None and claim.nonce in state.nonces
    return replace(decision, verdict="drop") if again else decision


def attempt_not_raised(state: State | None, claim: messages.Claim, at_ms: int) -> leases.Decision:
    decision = decide(state, claim, at_ms)
    kept = state is not None and decision.state is not None and state.attempt > 1
    return replace(decision, state=replace(decision.state, attempt=state.attempt)) if kept else decision  # type: ignore[type-var, union-attr]


@pytest.mark.parametrize(
    "mutant",
    [
        no_fence,
        release_forgotten,
        end_is_not_final,
        parked_keeps_its_holder,
        now_is_not_kept,
        loss_of_the_unannounced_counts,
    ],
)
def test_the_model_notices_another_way_to_apply(mutant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "apply", mutant)

    assert is_noticed()


@pytest.mark.parametrize(
    "mutant",
    [
        nonces_forgotten,
        old_nonces_say_go,
        wait_ignored,
        holder_ignored,
        replacement_ignores_attempt,
        put_off_claims_replace_nothing,
        suspects_forgotten,
        suspects_are_answered_once,
        attempt_not_raised,
    ],
)
def test_the_model_notices_another_way_to_decide(mutant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "decide", mutant)

    assert is_noticed()


@pytest.mark.parametrize("limit", ["SUSPECT_AFTER", "CRASH_AFTER"])
def test_the_model_notices_that_runners_are_counted_otherwise(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, limit, 99 if limit == "SUSPECT_AFTER" else 3)

    assert is_noticed()


def test_the_model_notices_a_step_that_is_not_journaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail.Trail, "publish", lambda self: None)

    assert is_noticed()


def test_the_model_notices_a_sweeper_that_is_too_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "AGES", proofs.Ages(claim_hold_s=10, sweep_after_s=20, sweep_anyway_s=4500))

    assert is_noticed()


def is_noticed() -> bool:
    """Tell whether some interleaving breaks a promise, or cannot even be played."""
    for seed in range(AT_MOST):
        try:
            simulation.Simulation(seed).play()
        except (oracle.Violation, AssertionError, KeyError):
            return True
    return False
