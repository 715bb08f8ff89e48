"""Fold a batch of events into the runs that they are about, in order. Pure: the recorder brings rows and takes rows.

Who may execute a run, and which events count, is decided in `leases`; here is what else they leave behind: times,
steps, journal, response, and what is to be told to others once the batch is committed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Final

from libs.common import messages
from libs.common.bus import port
from services.debugger import leases, records

Item = messages.RunRequest | messages.AnyEvent
_ROOM: Final = port.MAX_MESSAGE_BYTES - 1024  # an answer travels in a list


@dataclass(slots=True)
class Consequences:
    """What others are told, after the commit."""

    answers: list[tuple[str, messages.Answer]] = field(default_factory=list)  # runner id and answer
    ends: list[tuple[str | None, messages.Result]] = field(default_factory=list)  # gateway id and the end of a run
    marks: list[str] = field(default_factory=list)


def fold(runs: dict[str, records.RunRecord], items: Iterable[Item], at_ms: int) -> Consequences:
    """Change the runs as the items say, and return what is to be told. `runs` holds every run that has a row.

    `at_ms` is the database's clock.
    """
    told = Consequences()
    for item in items:
        if isinstance(item, messages.Mark):
            told.marks.append(item.run_id)
            continue
        run = runs.get(item.run_id)
        if run is None:
            run = runs[item.run_id] = records.fresh(item.run_id)
        _take(item, run, at_ms, told)
    return told


def _take(item: Item, run: records.RunRecord, at_ms: int, told: Consequences) -> None:
    match item:
        case messages.RunRequest():
            run.fill_request(item)
        case messages.Claim():
            _answer(item, run, at_ms, told)
        case messages.Replied():
            _note_reply(item, run)
        case _:
            _apply(item, run, at_ms)
            if isinstance(item, messages.Dead):
                _tell_end(run, told)


def _note_reply(event: messages.Replied, run: records.RunRecord) -> None:
    if run.reply_status is None:
        run.state = run.state or leases.RunState()
        run.reply_status, run.reply_ms = event.status, event.reply_ms
        run.changed = True


def _apply(event: messages.AnyEvent, run: records.RunRecord, at_ms: int) -> None:
    if isinstance(event, messages.Dead) and event.request is not None:
        run.fill_request(event.request)
    applied = leases.apply(run.state, event)
    run.changed |= applied.counts
    run.state = applied.state
    if applied.counts:
        if not isinstance(event, messages.Refused):
            run.show_life(at_ms)
        _note(event, run, at_ms)


def _tell_end(run: records.RunRecord, told: Consequences) -> None:
    if run.given_up:  # told again when the same event comes again: a batch may be committed and its end not published
        told.ends.append((run.reply_to, run.result()))


# --- claims --------------------------------------------------------------------------------------------------------


def _answer(claim: messages.Claim, run: records.RunRecord, at_ms: int, told: Consequences) -> None:
    if claim.request is not None:
        run.fill_request(claim.request)
    before = run.state
    decision = leases.decide(before, claim, at_ms)
    run.state = decision.state
    run.changed |= decision.state != before
    if decision.crashed:
        run.end(at_ms, records.CRASHED)
    answer = _granted(claim, run, at_ms) if decision.verdict == "go" else _refused(claim, run, decision)
    told.answers.append((claim.runner_id, answer))
    if answer.verdict == "drop":
        _tell_end(run, told)


def _granted(claim: messages.Claim, run: records.RunRecord, at_ms: int) -> messages.Answer:
    assert run.state is not None
    run.show_life(at_ms)
    run.woken_at_ms = None
    run.changed = True
    request, steps = run.whole_journal()
    answer = messages.Answer(
        run_id=run.run_id,
        nonce=claim.nonce,
        verdict="go",
        attempt=run.state.attempt,
        request=request or claim.request,
        journal=steps,
        now_ms=run.state.now_ms,
    )
    if len(messages.encode(answer)) <= _ROOM:
        return answer
    run.state = replace(run.state, status="error")
    run.end(at_ms, records.TOO_LARGE)
    return messages.Answer(run_id=run.run_id, nonce=claim.nonce, verdict="drop")


def _refused(claim: messages.Claim, run: records.RunRecord, decision: leases.Decision) -> messages.Answer:
    state = decision.state
    return messages.Answer(
        run_id=run.run_id,
        nonce=claim.nonce,
        verdict=decision.verdict,
        attempt=0 if state is None else state.attempt,
        replaces=state.held if state is not None and decision.verdict == "suspect" else None,
    )


# --- what an event that counts leaves behind -------------------------------------------------------------------------


@singledispatch
def _note(event: messages.Event, run: records.RunRecord, at_ms: int) -> None:
    raise TypeError(f"{type(event).__name__} leaves nothing behind")


@_note.register
def _(event: messages.Started, run: records.RunRecord, at_ms: int) -> None:
    run.begin(event.at_ms)


@_note.register
def _(event: messages.StepsDone, run: records.RunRecord, at_ms: int) -> None:
    run.begin(min((step.started_at_ms for step in event.steps), default=at_ms))
    run.take_steps(event.steps)


@_note.register
def _(event: messages.Parked, run: records.RunRecord, at_ms: int) -> None:
    run.woken_at_ms = None
    run.take_steps(event.steps)


@_note.register
def _(event: messages.HandedBack, run: records.RunRecord, at_ms: int) -> None:
    run.take_steps(event.steps)


@_note.register
def _(event: messages.Result, run: records.RunRecord, at_ms: int) -> None:
    run.begin(event.started_at_ms)
    run.finished_at_ms = event.finished_at_ms
    run.queued_ms = event.queued_ms
    run.run_ms = event.run_ms
    run.response = event.response
    run.error = event.error
    run.take_steps(event.steps)


@_note.register
def _(event: messages.Dead, run: records.RunRecord, at_ms: int) -> None:
    run.end(at_ms, records.CRASHED)


@_note.register
def _(event: messages.Refused, run: records.RunRecord, at_ms: int) -> None:
    run.refused_at_ms = event.at_ms
