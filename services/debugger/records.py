"""What a batch does to one run, while it is being worked out: from its row, through its events, to its row again."""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from libs.common import ids, messages
from services.debugger import leases

FINISHED_STEP: Final = frozenset({"success", "error", "skipped"})
CRASHED: Final = messages.RunError(code="crashed", message="The run lost its runner too often and was given up")
TOO_LARGE: Final = messages.RunError(
    code="journal_too_large", message="What the run has done so far is too large to be handed to another runner"
)
_GIVEN_UP: Final = frozenset({CRASHED.code, TOO_LARGE.code})
REQUEST_PATH: Final = ""  # the journal's entry that is the request


@dataclass(slots=True)
class RunRecord:
    """One run. `state` is None while nothing is known of it but a claim that said nothing."""

    run_id: str
    state: leases.RunState | None = None
    stored: bool = False  # it has a row
    ended_before: bool = False  # that says that it has ended
    changed: bool = False
    request: messages.RunRequest | None = None  # where the batch brings it
    reply_to: str | None = None
    received_at_ms: int = 0
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    queued_ms: int | None = None
    run_ms: int | None = None
    response: messages.Response | None = None
    error: messages.RunError | None = None
    reply_status: int | None = None
    reply_ms: int | None = None
    woken_at_ms: int | None = None
    swept_at_ms: int | None = None
    refused_at_ms: int | None = None
    seen_at_ms: int | None = None
    steps_seen: int = 0
    steps: dict[tuple[str, int], tuple[int, messages.Step]] = field(default_factory=dict)  # with their positions
    journal: dict[str, bytes] = field(default_factory=dict)  # what the batch adds
    journaled: dict[str, bytes] = field(default_factory=dict)  # what was there; loaded for runs that are claimed

    @property
    def ended(self) -> bool:
        """Whether it has ended by now."""
        return self.state is not None and self.state.ended

    @property
    def given_up(self) -> bool:
        """Whether it ended without a runner to say so, so that the debugger has to."""
        return self.ended and self.error is not None and self.error.code in _GIVEN_UP

    def fill_request(self, request: messages.RunRequest) -> None:
        """Take what the request says, unless it is known."""
        if self.state is not None and self.state.known:
            return
        self.state = leases.request_seen(self.state)
        self.request = request
        self.reply_to = request.reply_to
        self.received_at_ms = request.received_at_ms
        self.changed = True
        if not self.ended:
            self.journal[REQUEST_PATH] = messages.encode(request)

    def take_steps(self, steps: tuple[messages.Step, ...]) -> None:
        """Take steps into the record, where a finished one stays finished, and into the journal, exact."""
        for step in steps:
            key = (step.path, step.attempt)
            position, known = self.steps.get(key, (self.steps_seen, None))
            if known is None:
                self.steps_seen += 1
            elif known.status in FINISHED_STEP and step.status not in FINISHED_STEP:
                continue
            self.steps[key] = (position, step)
            self.journal[step.path] = msgspec.json.encode(step)

    def show_life(self, at_ms: int) -> None:
        """Note that somebody works on it."""
        self.seen_at_ms = at_ms
        self.swept_at_ms = None

    def begin(self, at_ms: int) -> None:
        """Note its first start."""
        if self.started_at_ms is None:
            self.started_at_ms = at_ms

    def end(self, at_ms: int, error: messages.RunError) -> None:
        """Note that the debugger gives it up."""
        self.finished_at_ms = at_ms
        self.error = error

    def whole_journal(self) -> tuple[messages.RunRequest | None, tuple[messages.Step, ...]]:
        """Return the request and the steps that a runner needs to go on, in the order in which the steps began."""
        entries = self.journaled | self.journal
        request = entries.pop(REQUEST_PATH, None)
        known = None if request is None else messages.decode(messages.RunRequest.schema, request)
        steps = [msgspec.json.decode(entry, type=messages.Step) for entry in entries.values()]
        steps.sort(key=lambda step: (step.started_at_ms, step.path))
        return known, tuple(steps)

    def result(self) -> messages.Result:
        """Return the end of a run that was given up, for whoever waits for it."""
        assert self.state is not None
        assert self.finished_at_ms is not None
        started_at_ms = self.started_at_ms or self.received_at_ms
        return messages.Result(
            run_id=self.run_id,
            attempt=self.state.attempt,
            status="error",
            error=self.error,
            started_at_ms=started_at_ms,
            finished_at_ms=self.finished_at_ms,
            queued_ms=max(0, started_at_ms - self.received_at_ms),
            run_ms=max(0, self.finished_at_ms - started_at_ms),
        )


def fresh(run_id: str) -> RunRecord:
    """Return the record of a run of which nothing is known; it was accepted when its id was made, for all we know."""
    try:
        return RunRecord(run_id, received_at_ms=ids.made_at_ms(run_id))
    except ValueError:
        return RunRecord(run_id)
