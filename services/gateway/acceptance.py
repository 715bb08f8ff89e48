"""The last check, and what follows it: the request becomes a run, and its sender is answered.

A run is published once, whatever happens. Not sent at all: the request was not accepted, and the 503 says so without a
run id. Sent and not confirmed: a 503 with the run's id, and the recorder is told, since the run may be on its way. A
result may overtake the confirm of its own request: it proves more than the confirm does, and is answered at once.

A request that bears a key claims it first, see `deduplication`; what was sent before is answered without a run.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NoReturn

from aiohttp import web

from libs.common import errors, ids, messages, topology
from libs.common.bus import port
from libs.common.bus.waiters import Waiters
from libs.common.flow import program as programs
from libs.common.flow import request_names
from libs.common.times import now_ms
from services.gateway import acknowledgement, intake, metrics, request_keys, responses
from services.gateway.clients import CLIENT
from services.gateway.deduplication import Claimant, Deduplication
from services.gateway.flows import Flow
from services.gateway.notices import Notices
from services.gateway.payload import Content
from services.gateway.shedding import Shedding

RETRY_AFTER: Final = {"Retry-After": "2"}

Publish = Callable[[], "asyncio.Future[None]"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Where results come to, by the id of this gateway, and how long the sender of a synchronous flow waits for one."""

    waiters: Waiters[messages.Result]
    gateway_id: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way to be a run. `timeout_s` is what is left of the time that its sender waits."""

    request: web.BaseRequest
    webhook: programs.WebhookSettings
    content: Content
    run: messages.RunRequest
    pure: bool
    timeout_s: float

    def names(self) -> Mapping[str, Any]:
        """Return what templates know before the flow runs."""
        return {self.webhook.ref: self.content.values, "request": request_names.of(self.run)}


class Acceptance:
    """Publishes runs and waits for what becomes of them."""

    def __init__(
        self,
        bus: port.Bus,
        waiting: Waiting,
        notices: Notices,
        shedding: Shedding,
        deduplication: Deduplication,
    ) -> None:
        self._bus = bus
        self._waiters = waiting.waiters
        self._notices = notices
        self._shedding = shedding
        self._deduplication = deduplication
        self._gateway_id = waiting.gateway_id
        self._sync_timeout_s = waiting.timeout_s
        self._stopping = False

    def close(self) -> None:
        """Accept nothing more, and answer everybody who waits: their runs go on."""
        self._stopping = True
        self._waiters.fail_all(errors.Unavailable("This gateway stops. The run goes on.", headers=RETRY_AFTER))
        self._deduplication.close()

    async def accept(
        self,
        request: web.BaseRequest,
        flow: Flow,
        program: programs.Program,
        content: Content,
        sent: request_keys.Sent,
    ) -> web.Response:
        """Return the answer for the sender. `RequestError` means that nothing was accepted."""
        webhook = program.webhook
        assert webhook is not None
        self._admit("async" if webhook.is_async else "sync", flow.lane)
        http = intake.http_request(request.method, request[CLIENT].ip, request.headers.items(), flow, content, now_ms())
        reply_to = None if webhook.is_async else self._gateway_id
        run = intake.run_request(ids.new_id(), flow, http, content, reply_to)
        call = Call(request, webhook, content, run, program.pure, self._sync_timeout_s)
        key = None
        if webhook.key_source is not None:
            key = request_keys.key_of(webhook.key_source, request.headers, call.names, sent, acknowledgement.LIMITS)
        if key is None:
            return await self._start(call)
        return await self._start_once(call, key)

    async def _start_once(self, call: Call, key: request_keys.Key) -> web.Response:
        """Answer as the first request with this key was answered; start the run if there was none that counts."""
        answer = acknowledgement.answer(call.webhook, call.run, call.names()) if call.webhook.is_async else None
        claimant = Claimant(self._deduplication, key, call.run, answer)
        clock = asyncio.get_running_loop().time
        began_s = clock()
        earlier = await self._deduplication.earlier(claimant, timeout_s=call.timeout_s)
        if earlier is not None:
            return earlier
        if self._stopping:
            claimant.withdraw()
            self._refuse_stopping()
        left_s = max(1.0, call.timeout_s - (clock() - began_s))
        return await self._start(replace(call, timeout_s=left_s), claimant, answer)

    async def _start(
        self, call: Call, claimant: Claimant | None = None, answer: web.Response | None = None
    ) -> web.Response:
        """Publish the run, and answer; `answer` is that of an asynchronous flow where it is known already."""
        run = call.run
        letter = port.letter(topology.RUNS, topology.run_key(run.mode, run.lane), run, alone=not call.pure)
        publish = partial(self._publish, letter, run, claimant)
        try:
            if call.webhook.is_async:
                return await self._acknowledge(publish, call, answer)
            return await self._answer(publish, call)
        except errors.OutcomeUnknown:
            metrics.UNKNOWN.inc()
            self._notices.refused(run.run_id)
            return responses.failed(_unavailable("It is not known whether the request was stored."), run.run_id)
        except errors.MessageTooLarge as error:
            raise errors.PayloadTooLarge("The request is larger than can be stored.") from error
        except errors.BusError as error:
            metrics.AWAY.inc()
            raise _unavailable("The request cannot be stored at the moment.") from error

    def _admit(self, mode: messages.Mode, lane: int) -> None:
        if self._stopping:
            self._refuse_stopping()
        if not self._bus.ready:
            metrics.AWAY.inc()
            raise _unavailable("The request cannot be stored at the moment.")
        self._shedding.admit(mode, lane)

    def _refuse_stopping(self) -> NoReturn:
        metrics.STOPPING.inc()
        raise _unavailable("This gateway stops.")

    def _publish(
        self, letter: port.Letter, run: messages.RunRequest, claimant: Claimant | None
    ) -> "asyncio.Future[None]":
        outcome = self._bus.publish(letter)
        if claimant is not None:
            claimant.follow(outcome)
        self._shedding.published(run.mode, run.lane, alone=letter.alone, outcome=outcome)
        return outcome

    # --- asynchronous flows

    async def _acknowledge(self, publish: Publish, call: Call, answer: web.Response | None) -> web.Response:
        """Answer once the broker holds the run. A response that fails to render does not stop it."""
        outcome = publish()
        if answer is None:
            answer = acknowledgement.answer(call.webhook, call.run, call.names())
        await outcome
        return answer

    # --- synchronous flows

    async def _answer(self, publish: Publish, call: Call) -> web.Response:
        run = call.run
        try:
            result = await self._result(publish, call)
        except errors.RequestError as error:  # the time is up, or the gateway stops
            answer = responses.failed(error, run.run_id)
        else:
            answer = responses.of_result(result)
        reply_ms = max(0, now_ms() - run.received_at_ms)
        metrics.REPLY_SECONDS.observe(reply_ms / 1000)
        if call.request.transport is not None:  # else the sender has gone
            self._notices.replied(run.run_id, status=answer.status, reply_ms=reply_ms)
        return answer

    async def _result(self, publish: Publish, call: Call) -> messages.Result:
        """Return the run's result. A failing publish or the end of the time ends the wait with its error."""
        with self._waiters.expect(call.run.run_id) as result:
            outcome = publish()
            outcome.add_done_callback(partial(_pass_failure, result))
            timer = asyncio.get_running_loop().call_later(call.timeout_s, self._expire, result, outcome)
            try:
                return await result
            finally:
                timer.cancel()

    def _expire(self, result: "asyncio.Future[messages.Result]", outcome: "asyncio.Future[None]") -> None:
        """End the wait. Only a run that the broker has is a run that goes on: both times are up after a freeze."""
        _pass_failure(result, outcome)
        if not result.done():
            seconds = f"{self._sync_timeout_s:g} seconds"
            result.set_exception(errors.Timeout(f"The flow did not end within {seconds}. The run goes on."))


def _pass_failure(result: "asyncio.Future[messages.Result]", outcome: "asyncio.Future[None]") -> None:
    if result.done() or outcome.cancelled():
        return
    error = outcome.exception() if outcome.done() else errors.OutcomeUnknown("not confirmed in time")
    if error is not None:
        result.set_exception(error)


def _unavailable(message: str) -> errors.Unavailable:
    return errors.Unavailable(f"{message} Try again.", headers=RETRY_AFTER)
