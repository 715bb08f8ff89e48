"""The events of a run: what a runner tells the recorder, and the gateway that waits."""

import msgspec
import structlog

from libs.common import errors, messages, topology
from libs.common.bus import port
from services.runner import outcomes, publishing
from services.runner.grants import Grant

log = structlog.get_logger(__name__)


class Reports:
    """Tells of runs, in the name of their lease."""

    def __init__(self, post: publishing.Post, runner_id: str) -> None:
        self._post = post
        self._clock = post.clock
        self._runner_id = runner_id

    async def started(self, grant: Grant) -> None:
        """Tell that an attempt begins, and return once the broker holds it; `LeaseLost` if it never will."""
        await self._post.send(self._start_of(grant)).confirmed()

    def show_life(self, grant: Grant) -> None:
        """Tell that an attempt begins, without waiting: the sweeper must know of a run that is silent for long."""
        self._post.send_unwatched(self._start_of(grant))

    def _start_of(self, grant: Grant) -> port.Letter:
        event = messages.Started(
            run_id=grant.request.run_id,
            attempt=grant.attempt,
            at_ms=self._clock.now_ms(),
            now_ms=grant.now_ms,
            runner_id=self._runner_id,
        )
        return port.letter(topology.EVENTS, "started", event, lease=grant.lease)

    def steps(self, grant: Grant, steps: outcomes.Steps) -> publishing.Sending:
        """Tell of finished steps."""
        event = messages.StepsDone(run_id=grant.request.run_id, attempt=grant.attempt, now_ms=grant.now_ms, steps=steps)
        return self._send("step", event, grant.lease)

    async def outcome(self, grant: Grant, outcome: outcomes.Executed) -> outcomes.Executed:
        """Tell what became of an attempt, confirmed; return what is left of the outcome if that fails."""
        try:
            return await self._tell(grant, outcome)
        except errors.LeaseLost:
            return outcomes.Lost()

    async def _tell(self, grant: Grant, outcome: outcomes.Executed) -> outcomes.Executed:
        match outcome:
            case outcomes.Lost():
                return outcome
            case outcomes.Parked():
                return await self._parked(grant, outcome)
            case outcomes.Interrupted():
                return await self._handed_back(grant, outcome)
            case _:
                return await self._ended(grant, outcome)

    async def _parked(self, grant: Grant, outcome: outcomes.Parked) -> outcomes.Executed:
        event = messages.Parked(
            run_id=grant.request.run_id,
            attempt=grant.attempt,
            until_ms=outcome.until_ms,
            status=outcome.status,
            steps=outcome.steps,
        )
        try:
            await self._send("parked", event, grant.lease).confirmed()
        except errors.MessageTooLarge as error:
            return await self._ended(grant, outcomes.Failed(outcome.steps, 0, _too_large(error)))
        return outcome

    async def _handed_back(self, grant: Grant, outcome: outcomes.Interrupted) -> outcomes.Executed:
        event = messages.HandedBack(
            run_id=grant.request.run_id, attempt=grant.attempt, now_ms=grant.now_ms, steps=outcome.steps
        )
        try:
            await self._send("handed_back", event, grant.lease).confirmed()
        except errors.MessageTooLarge:  # computed again; steps that acted were sent on their own
            bare = msgspec.structs.replace(event, steps=())
            await self._send("handed_back", bare, grant.lease).confirmed()
        return outcome

    async def _ended(self, grant: Grant, outcome: outcomes.Ended) -> outcomes.Executed:
        key = topology.result_key(grant.request.reply_to)
        try:
            await self._send(key, self._result(grant, outcome), grant.lease).confirmed()
        except errors.MessageTooLarge as error:
            log.warning("result_too_large", run_id=grant.request.run_id)
            outcome = outcomes.Failed(_bare(outcome.steps), outcome.ran_ms, _too_large(error))
            await self._send(key, self._result(grant, outcome), grant.lease).confirmed()
        return outcome

    def _result(self, grant: Grant, outcome: outcomes.Ended) -> messages.Result:
        return messages.Result(
            run_id=grant.request.run_id,
            attempt=grant.attempt,
            status=status_of(outcome),
            steps=outcome.steps,
            response=None if isinstance(outcome, outcomes.Cancelled) else outcome.response,
            error=_error_of(outcome),
            started_at_ms=grant.started_at_ms,
            finished_at_ms=self._clock.now_ms(),
            queued_ms=max(0, grant.started_at_ms - grant.request.received_at_ms),
            run_ms=outcome.ran_ms,
        )

    async def unwanted(self, answer: messages.Answer, lease: port.Lease) -> None:
        """Tell that nobody uses this grant any more, so that the run comes to somebody else at once."""
        now_ms = self._clock.now_ms()
        event = messages.Parked(run_id=answer.run_id, attempt=answer.attempt, until_ms=now_ms, status="queued")
        await self._send("parked", event, lease).confirmed()

    def _send(self, key: str, event: messages.Event, lease: port.Lease) -> publishing.Sending:
        return self._post.send(port.letter(topology.EVENTS, key, event, lease=lease))


def status_of(outcome: outcomes.Ended) -> messages.EndStatus:
    """Return the status that a run ends in."""
    match outcome:
        case outcomes.Finished():
            return "success"
        case outcomes.Failed():
            return "error"
        case outcomes.Cancelled():
            return "cancelled"


def _error_of(outcome: outcomes.Ended) -> messages.RunError | None:
    match outcome:
        case outcomes.Failed(error=error):
            return error
        case outcomes.Cancelled():
            return messages.RunError(code="cancelled", message="The run was cancelled.")
        case _:
            return None


def _too_large(error: errors.MessageTooLarge) -> messages.RunError:
    return messages.RunError(code="result_too_large", message=f"The run's values are too large to be kept: {error}")


def _bare(steps: outcomes.Steps) -> outcomes.Steps:
    """Return the steps without the values that made them too large."""
    return tuple(msgspec.structs.replace(step, input=messages.NULL, output=messages.NULL) for step in steps)
