"""The core: executes a compiled flow step by step and says what became of it. No I/O of its own.

Time, orders and the sending of events are passed in; what acts outside is a kind of step. Steps that an earlier attempt
has finished are not done again: their outputs are read from the journal. All others are computed again, to the same
values, since `now()` is frozen for the attempts that go on from each other and randomness is seeded by run and step.

An attempt is asked at every step whether it may go on. Orders and the two limits (how long a run may run, how long a
message may be held) are looked at there, and a step that waits is cut short only by orders that leave no choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from libs.common import clock, errors, messages
from libs.common.flow import program, response
from libs.common.templating import environment
from services.runner import notes, orders, outcomes, scope, trail
from services.runner.orders import Order
from services.runner.steps import port

log = structlog.get_logger(__name__)

CLOCK_STEP_MS: Final = 20  # how much too early a timer may fire
FINISHED: Final = frozenset({"success", "error", "skipped"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is executed: the run, its compiled flow, and what earlier attempts have left."""

    request: messages.RunRequest
    program: program.Program
    number: int
    now_ms: int
    arrived: float  # when this runner got its message, on the monotonic clock
    journal: tuple[messages.Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of an attempt. It leaves after `hold_s`, or once its message has been here for `held_at_most_s`."""

    hold_s: float = 600
    held_at_most_s: float = 1440
    limits: environment.Limits = field(default_factory=environment.Limits)


class Engine:
    """Executes attempts; has no state of its own."""

    def __init__(self, kinds: Mapping[str, port.Kind], clock: clock.Clock, rules: Rules) -> None:
        self.kinds = kinds
        self.clock = clock
        self.rules = rules

    async def execute(self, attempt: Attempt, given: orders.Orders, announce: trail.Announce) -> outcomes.Executed:
        """Execute until the run ends, parks, or has to leave this runner. Raises nothing but cancellation."""
        return await Execution(self, attempt, given, announce).execute()


class Execution:
    """One attempt at one run."""

    def __init__(self, engine: Engine, attempt: Attempt, given: orders.Orders, announce: trail.Announce) -> None:
        self._kinds = engine.kinds
        self._clock = engine.clock
        self._rules = engine.rules
        self._attempt = attempt
        self._orders = given
        self._trail = trail.Trail(attempt.journal, announce)
        self._names = scope.names_of(attempt.request, attempt.program, attempt.now_ms)
        self._begun = self._clock.monotonic()
        rules = engine.rules
        self._leave_at = min(self._begun + rules.hold_s, attempt.arrived + rules.held_at_most_s)
        self._waited_s = 0.0
        self._ran_before_s = sum(self._running_ms(step) for step in attempt.journal) / 1000

    def _running_ms(self, step: messages.Step) -> int:
        kind = self._kinds.get(step.type)
        waits = kind is not None and kind.spec.effect == "wait"
        return 0 if waits else step.duration_ms or 0

    async def execute(self) -> outcomes.Executed:
        """Run the flow's steps, then render the response."""
        try:
            return await self._sequence(self._attempt.program.steps) or self._finish(None)
        except orders.Told:
            return self._told()
        except errors.LeaseLost:
            return outcomes.Lost()
        except errors.MessageTooLarge as error:
            return self._failure(messages.RunError(code="result_too_large", message=str(error)))
        except Exception as error:  # else it would be handed from runner to runner, and act again each time
            log.exception("run_broken", run_id=self._attempt.request.run_id)
            return self._failure(messages.RunError(code="internal", message=f"the run broke: {type(error).__name__}"))

    def _told(self) -> outcomes.Executed:
        if Order.LOST in self._orders.given:
            return outcomes.Lost()
        if Order.CANCEL in self._orders.given:
            return outcomes.Cancelled(self._trail.unconfirmed(), self._ran_ms())
        return outcomes.Interrupted(self._trail.unconfirmed())

    # --- steps -----------------------------------------------------------------------------------------------------

    async def _sequence(self, steps: tuple[program.CompiledStep, ...]) -> outcomes.Executed | None:
        """Do the steps in order; None means that the flow goes on behind them."""
        for step in steps:
            kind = self._kinds.get(step.type)
            if kind is None:
                return self._failure(_unknown(step))
            known = self._trail.known.get(step.path)
            if known is not None and known.status in FINISHED:
                outcome = await self._replay(kind, step, known)
            else:
                while self._clock.turn_is_long():
                    await self._clock.sleep(0)
                outcome = self._hindrance(kind, step) or await self._do(kind, step, known)
            if outcome is not None:
                return outcome
        return None

    async def _replay(
        self, kind: port.Kind, step: program.CompiledStep, known: messages.Step
    ) -> outcomes.Executed | None:
        """Go on behind a step that an earlier attempt has finished, with what it left."""
        if known.error is not None and step.on_error != "continue":
            return self._failure(_run_error(step, known.error))
        return await self._go_on(kind, step, known)

    def _hindrance(self, kind: port.Kind, step: program.CompiledStep) -> outcomes.Executed | None:
        """Return why this step is not begun here and now, or None."""
        given = self._orders.given
        if given & orders.DURING_A_STEP or (given and kind.spec.effect != "none"):
            return self._told()
        limit_s = self._attempt.program.settings.max_duration
        if self._ran_ms() > limit_s * 1000:
            return self._failure(_too_long(step, limit_s))
        if kind.spec.effect != "none" and self._clock.monotonic() >= self._leave_at:
            return outcomes.Parked(self._clock.now_ms(), "queued", self._trail.unconfirmed())
        return None

    async def _do(
        self, kind: port.Kind, step: program.CompiledStep, known: messages.Step | None
    ) -> outcomes.Executed | None:
        """Do a step that is not finished yet."""
        if kind.spec.effect != "none":
            with self._orders.interruptible(orders.DURING_A_STEP):
                await self._trail.confirmed()
        note = notes.Note(step, self._clock.now_ms() if known is None else known.started_at_ms)
        try:
            note.inputs = step.inputs.render(
                self._names, limits=self._rules.limits, seed=f"{self._attempt.request.run_id}:{step.path}"
            )
            call = port.Call(step, note.inputs, self._attempt.request, self._clock, known)
            verdict = await self._call(kind, call)
            if isinstance(verdict, port.Wait):
                return self._park(note, verdict)
            if isinstance(verdict, port.End):
                self._trail.add(note.done(self._clock.now_ms(), port.Output({})))
                return self._end(step, verdict)
            done = note.done(self._clock.now_ms(), verdict)
        except errors.StepError as error:
            done = note.failed(self._clock.now_ms(), error)
            if step.on_error != "continue":
                self._trail.add(done)
                return self._failure(messages.RunError(code=error.code, message=error.message, step=step.ref))
        self._trail.add(done)
        if kind.spec.effect == "outside":
            self._trail.publish()
        return await self._go_on(kind, step, done)

    async def _call(self, kind: port.Kind, call: port.Call) -> port.Verdict:
        try:
            if kind.spec.effect == "none":
                return await kind.run(call)
            return await self._wait_for(kind, call)
        except (errors.StepError, orders.Told):
            raise
        except Exception as error:
            log.exception("step_broken", run_id=call.request.run_id, step=call.step.ref, type=call.step.type)
            raise errors.StepError("internal", f"the step broke: {type(error).__name__}") from error

    async def _wait_for(self, kind: port.Kind, call: port.Call) -> port.Verdict:
        """Call a step that acts or waits, within what is left of the run's time, open to orders."""
        begun = self._clock.monotonic()
        if kind.spec.effect == "wait":
            try:
                with self._orders.interruptible(orders.DURING_A_STEP):
                    return await kind.run(call)
            finally:
                self._waited_s += self._clock.monotonic() - begun
        limit_s = self._attempt.program.settings.max_duration
        try:
            with self._orders.interruptible(orders.DURING_A_STEP):
                async with self._clock.timeout(max(0.0, limit_s - self._ran_ms() / 1000)):
                    return await kind.run(call)
        except TimeoutError:
            if self._ran_ms() < limit_s * 1000 - CLOCK_STEP_MS:  # the step's own, not the run's
                raise
            raise errors.StepError("max_duration", f"the run may take {limit_s} s, and these are over") from None

    async def _go_on(
        self, kind: port.Kind, step: program.CompiledStep, done: messages.Step
    ) -> outcomes.Executed | None:
        """Make a finished step's value known under its ref, and take the branch that it leads into."""
        value = scope.value_after(done)
        self._names[step.ref] = value
        if not step.branches or done.error is not None:
            return None
        branch = kind.branch(value)
        return await self._sequence(step.branches.get(branch, ())) if branch is not None else None

    # --- ends ------------------------------------------------------------------------------------------------------

    def _park(self, note: notes.Note, wait: port.Wait) -> outcomes.Parked:
        waiting = note.waiting(wait.until_ms)
        return outcomes.Parked(wait.until_ms, "waiting", (*self._trail.unconfirmed(), waiting))

    def _end(self, step: program.CompiledStep, end: port.End) -> outcomes.Executed:
        if end.status == "success":
            return self._finish(end.response)
        error = messages.RunError(code="terminated", message=end.message, step=step.ref)
        try:
            answer = None if end.response is None else response.answer(end.response)
        except errors.StepError as failed:
            return self._failure(_response_error(failed))
        return outcomes.Failed(self._trail.unconfirmed(), self._ran_ms(), error, answer)

    def _finish(self, own: Any) -> outcomes.Executed:
        """End in success, with the response of a `terminate` or else the webhook's; it fails if that fails."""
        try:
            answer = self._webhook_response() if own is None else response.answer(own)
        except errors.StepError as error:
            return self._failure(_response_error(error))
        return outcomes.Finished(self._trail.unconfirmed(), self._ran_ms(), answer)

    def _webhook_response(self) -> messages.Response | None:
        webhook = self._attempt.program.webhook
        if webhook is None or self._attempt.request.mode == "async":
            return None  # an asynchronous sender was answered by the gateway
        return response.render_response(
            webhook.response, self._names, limits=self._rules.limits, seed=f"{self._attempt.request.run_id}:response"
        )

    def _failure(self, error: messages.RunError) -> outcomes.Failed:
        return outcomes.Failed(self._trail.unconfirmed(), self._ran_ms(), error)

    def _ran_ms(self) -> int:
        """Return how long the run has been running so far, in all attempts, its waits left out."""
        return round((self._ran_before_s + self._clock.monotonic() - self._begun - self._waited_s) * 1000)


def _unknown(step: program.CompiledStep) -> messages.RunError:
    return messages.RunError(code="invalid_flow", message=f"this runner knows no step {step.type!r}", step=step.ref)


def _run_error(step: program.CompiledStep, error: messages.RunError) -> messages.RunError:
    return messages.RunError(code=error.code, message=error.message, step=step.ref)


def _too_long(step: program.CompiledStep, limit_s: float) -> messages.RunError:
    message = f"the run may take {limit_s} s (max_duration), and these are over"
    return messages.RunError(code="max_duration", message=message, step=step.ref)


def _response_error(error: errors.StepError) -> messages.RunError:
    return messages.RunError(code="response", message=f"the response could not be rendered: {error.message}")
