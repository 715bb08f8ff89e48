"""What is to be done with a request whose key was sent before. Pure: a table of what is known of the first run.

A key is in one of six states, which the gateway that claimed it writes down:

    sent       claimed; the run is about to be published, or its confirm has not come yet
    accepted   the broker has the run
    refused    the broker does not have it, and nobody was told that it would run
    unknown    its sender got a 503: it may run
    succeeded  the run has ended, and well
    failed     it has ended in an error, or was cancelled

What the record knows of the run counts beside it: it sees what that gateway may not have lived to write down.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

State = Literal["sent", "accepted", "refused", "unknown", "succeeded", "failed"]

# A run is published right after its claim, within port.PUBLISH_TIMEOUT_S. What shows no sign of life for so much
# longer never was: its gateway ended in between.
PATIENCE_MS: Final = 10_000


class Verdict(Enum):
    """What to do."""

    RUN = "start a new run, and give it the key"
    CONFLICT = "refuse: the key belongs to another request"
    REPLAY = "answer as the first run was answered; the answer was kept"
    REPLAY_RECORD = "answer with the response that stands in the record"
    FORGOTTEN = "tell that the first run has ended well, and its answer was not kept"
    FAILED = "tell that the run that was waited for has failed"
    WAIT = "ask again in a moment"


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of the run that has the key: by the key, and (`status`, `recorded`) by the record.

    `request` is the digest of what was sent, `kept` whether the answer is there. `recorded` tells whether the record
    holds the whole response.
    """

    run_id: str
    request: bytes
    state: State
    age_ms: int
    kept: bool = False
    status: str | None = None
    recorded: bool = False


def decide(earlier: Earlier, request: bytes, *, awaited: bool) -> Verdict:
    """Return what to do with a request of this digest. `awaited`: its sender has been waiting for this very run.

    Whoever waited for a run that fails is told so, rather than that all who wait run it again, one after the other.
    """
    if earlier.state == "refused":
        return Verdict.RUN
    if earlier.request != request:
        return Verdict.CONFLICT
    if earlier.state == "failed" or earlier.status in ("error", "cancelled"):
        return Verdict.FAILED if awaited else Verdict.RUN
    if earlier.state in ("sent", "unknown") and earlier.status is None:
        lost = earlier.state == "unknown" or earlier.age_ms > PATIENCE_MS
        return Verdict.RUN if lost else Verdict.WAIT
    if earlier.kept:
        return Verdict.REPLAY
    if earlier.status == "success" and earlier.recorded:
        return Verdict.REPLAY_RECORD
    if earlier.state == "succeeded" or earlier.status == "success":
        return Verdict.FORGOTTEN
    return Verdict.WAIT
