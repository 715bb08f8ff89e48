"""The life of a run as a table. `docs/reference/run-states.md` holds the same table, and a test compares the two.

A runner sees only the events that start in `running`; the others are the recorder's, and stand here since a table with
holes explains nothing. What has ended never changes: the last three states have no line of their own.
"""

from enum import StrEnum
from typing import Final

from libs.common import messages
from services.runner import outcomes


class State(StrEnum):
    """What a run is."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    SUCCESS = "success"
    ERROR = "error"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to it."""

    TAKEN = "taken"
    PARKED_BY_DELAY = "parked_by_delay"
    PARKED_TO_RETRY = "parked_to_retry"
    PARKED_TO_REQUEUE = "parked_to_requeue"
    DUE = "due"
    HANDED_BACK = "handed_back"
    RUNNER_LOST = "runner_lost"
    CRASHED = "crashed"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


QUEUED, RUNNING, WAITING, RETRYING = State.QUEUED, State.RUNNING, State.WAITING, State.RETRYING

TRANSITIONS: Final = {
    (QUEUED, Event.TAKEN): RUNNING,
    (QUEUED, Event.PARKED_TO_REQUEUE): QUEUED,  # granted to somebody who no longer wants it
    (QUEUED, Event.CANCELLED): State.CANCELLED,
    (QUEUED, Event.CRASHED): State.ERROR,  # its message came too often without any runner having begun
    (QUEUED, Event.REFUSED): State.ERROR,  # its gateway answered 503, and no queue holds it
    (RUNNING, Event.PARKED_BY_DELAY): WAITING,  # acknowledged, the runner is free
    (RUNNING, Event.PARKED_TO_RETRY): RETRYING,
    (RUNNING, Event.PARKED_TO_REQUEUE): QUEUED,  # held its message for too long; goes on at once, elsewhere
    (RUNNING, Event.HANDED_BACK): QUEUED,  # its runner stops; does not count as lost
    (RUNNING, Event.RUNNER_LOST): QUEUED,  # redelivered; goes on after the last journaled step
    (RUNNING, Event.CRASHED): State.ERROR,  # five runners were lost with it
    (RUNNING, Event.SUCCEEDED): State.SUCCESS,
    (RUNNING, Event.FAILED): State.ERROR,
    (RUNNING, Event.CANCELLED): State.CANCELLED,
    (WAITING, Event.DUE): QUEUED,  # published again; must be claimed
    (WAITING, Event.CANCELLED): State.CANCELLED,
    (RETRYING, Event.DUE): QUEUED,
    (RETRYING, Event.CANCELLED): State.CANCELLED,
}


class ImpossibleEvent(Exception):
    """An event that cannot happen in this state."""


def after(state: State, event: Event) -> State:
    """Return the state that follows; `ImpossibleEvent` if this cannot happen."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleEvent(f"a run that is {state} cannot be {event}") from None


PARKED_BY: Final[dict[messages.ParkStatus, Event]] = {
    "waiting": Event.PARKED_BY_DELAY,
    "retrying": Event.PARKED_TO_RETRY,
    "queued": Event.PARKED_TO_REQUEUE,
}


def event_of(outcome: outcomes.Executed) -> Event:
    """Return what an execution's outcome is in the life of its run."""
    match outcome:
        case outcomes.Finished():
            return Event.SUCCEEDED
        case outcomes.Failed():
            return Event.FAILED
        case outcomes.Cancelled():
            return Event.CANCELLED
        case outcomes.Parked(status=status):
            return PARKED_BY[status]
        case outcomes.Interrupted():
            return Event.HANDED_BACK
        case outcomes.Lost():
            return Event.RUNNER_LOST
