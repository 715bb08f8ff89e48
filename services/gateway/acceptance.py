"""The last check, and what follows it: the request becomes a run, and its sender is answered.

A run is published once, whatever happens. Not sent at all: the request was not accepted, and the 503 says so without a
run id. Sent and not confirmed: a 503 with the run's id, and the recorder is told, since the run may be on its way. A
result may overtake the confirm of its own request: it proves more than the confirm does, and is answered at once.
"""

import asyncio
from functools import partial
from typing import Final

from aiohttp import web

from libs.common import errors, ids, messages, topology
from libs.common.bus import port
from libs.common.bus.waiters import Waiters
from libs.common.flow import program as programs
from libs.common.times import now_ms
from services.gateway import acknowledgement, intake, metrics, responses
from services.gateway.clients import CLIENT
from services.gateway.flows import Flow
from services.gateway.notices import Notices
from services.gateway.payload import Content
from services.gateway.shedding import Shedding

RETRY_AFTER: Final = {"Retry-After": "2"}


class Acceptance:
    """Publishes runs and waits for what becomes of them."""

    def __init__(
        self,
        bus: port.Bus,
        waiters: Waiters[messages.Result],
        notices: Notices,
        shedding: Shedding,
        *,
        gateway_id: str,
        sync_timeout_s: float,
    ) -> None:
        self._bus = bus
        self._waiters = waiters
        self._notices = notices
        self._shedding = shedding
        self._gateway_id = gateway_id
        self._sync_timeout_s = sync_timeout_s
        self._stopping = False

    def close(self) -> None:
        """Accept nothing more, and answer everybody who waits: their runs go on."""
        self._stopping = True
        self._waiters.fail_all(errors.Unavailable("This gateway stops. The run goes on.", headers=RETRY_AFTER))

    async def accept(
        self, request: web.BaseRequest, flow: Flow, program: programs.Program, content: Content
    ) -> web.Response:
        """Return the answer for the sender. `RequestError` means that nothing was accepted."""
        webhook = program.webhook
        assert webhook is not None
        self._admit("async" if webhook.is_async else "sync", flow.lane)
        http = intake.http_request(request.method, request[CLIENT].ip, request.headers.items(), flow, content, now_ms())
        reply_to = None if webhook.is_async else self._gateway_id
        run = intake.run_request(ids.new_id(), flow, http, content, reply_to)
        letter = port.letter(topology.RUNS, topology.run_key(run.mode, run.lane), run, alone=not program.pure)
        try:
            if webhook.is_async:
                return await self._acknowledge(letter, run, webhook, content)
            return await self._answer(letter, run, request)
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
            metrics.STOPPING.inc()
            raise _unavailable("This gateway stops.")
        if not self._bus.ready:
            metrics.AWAY.inc()
            raise _unavailable("The request cannot be stored at the moment.")
        self._shedding.admit(mode, lane)

    def _publish(self, letter: port.Letter, run: messages.RunRequest) -> "asyncio.Future[None]":
        outcome = self._bus.publish(letter)
        self._shedding.published(run.mode, run.lane, alone=letter.alone, outcome=outcome)
        return outcome

    # --- asynchronous flows

    async def _acknowledge(
        self, letter: port.Letter, run: messages.RunRequest, webhook: programs.WebhookSettings, content: Content
    ) -> web.Response:
        """Answer once the broker holds the run. A response that fails to render does not stop it."""
        outcome = self._publish(letter, run)
        try:
            answer = responses.rendered(acknowledgement.render(webhook, run, content), run.run_id)
        except errors.FlowFailed as error:
            answer = responses.failed(error, run.run_id)
        await outcome
        return answer

    # --- synchronous flows

    async def _answer(self, letter: port.Letter, run: messages.RunRequest, request: web.BaseRequest) -> web.Response:
        try:
            result = await self._result(letter, run)
        except errors.RequestError as error:  # the time is up, or the gateway stops
            answer = responses.failed(error, run.run_id)
        else:
            answer = responses.of_result(result)
        reply_ms = max(0, now_ms() - run.received_at_ms)
        metrics.REPLY_SECONDS.observe(reply_ms / 1000)
        if request.transport is not None:  # else the sender has gone
            self._notices.replied(run.run_id, status=answer.status, reply_ms=reply_ms)
        return answer

    async def _result(self, letter: port.Letter, run: messages.RunRequest) -> messages.Result:
        """Return the run's result. A failing publish or the end of the time ends the wait with its error."""
        with self._waiters.expect(run.run_id) as result:
            outcome = self._publish(letter, run)
            outcome.add_done_callback(partial(_pass_failure, result))
            timer = asyncio.get_running_loop().call_later(self._sync_timeout_s, self._expire, result, outcome)
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
