"""The endpoint: every check in the order of the contract, each answered before the next is looked at.

    address    404 not_found            body, contents             413, 408, 415, 400
    method     405 method_not_allowed   acceptance                 503 unavailable; of a key 400, 422
    rate limit 429                      ... and from there on the request is a run
    flow       404, 503
    address    403, of the sender; here a browser that asks for leave (CORS) is answered: 204, 403, 405
    token      401, 403; of a signed flow the body is read for it: 413, 408
    paused     200 biz_logic

The rate limit counts every request to an address and method that exist, whatever becomes of it.
"""

from aiohttp import web

from libs.common import errors
from libs.common.flow import allow_list, signing
from libs.common.flow import program as programs
from services.gateway import address, body, browsers, contents, request_keys, responses
from services.gateway.acceptance import Acceptance
from services.gateway.auth import Authorization
from services.gateway.clients import CLIENT
from services.gateway.flows import Flow, Flows
from services.gateway.rate_limit import RateLimit


class Webhooks:
    """Answers requests."""

    def __init__(
        self,
        rate_limit: RateLimit,
        flows: Flows,
        authorization: Authorization,
        acceptance: Acceptance,
        *,
        max_body_bytes: int,
        body_timeout_s: float,
    ) -> None:
        self._rate_limit = rate_limit
        self._flows = flows
        self._authorization = authorization
        self._acceptance = acceptance
        self._max_body_bytes = max_body_bytes
        self._body_timeout_s = body_timeout_s

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Return the answer; `RequestError` for what a check refuses."""
        flow_id, query = address.parse(request.raw_path)
        self._rate_limit.note(request)
        preflight = browsers.is_preflight(request)
        if not preflight:
            address.check_method(request.method)
        await self._rate_limit.check(request)

        flow = self._flows.get(flow_id) or await self._flows.find(flow_id)
        program, webhook = _webhook_of(flow)
        browsers.note(request, webhook.cors)
        if not allow_list.admits(webhook.allow_ips, request[CLIENT].ip):
            raise errors.Forbidden("This flow takes no requests from your address.")
        if preflight:
            return browsers.leave(request, webhook.cors)
        signed = await self._check_who_calls(request, flow, webhook.auth)
        if flow.state.status == "paused":
            return responses.paused()

        received = await self._receive(request) if signed is None else signed
        content = await contents.read(request, query, received, limit=self._max_body_bytes)
        sent = request_keys.Sent(request.method, query, received)
        return await self._acceptance.accept(request, flow, program, content, sent)

    def describe(self, request: web.BaseRequest, answer: web.Response) -> None:
        """Put on the answer what every answer of the endpoint bears, an error's too."""
        self._rate_limit.describe(request, answer)
        browsers.describe(request, answer)

    async def _check_who_calls(self, request: web.BaseRequest, flow: Flow, auth: programs.Auth) -> bytes | None:
        """Return the body where it had to be read for its signature, else None."""
        if not isinstance(auth, signing.Scheme):
            await self._authorization.check(flow, auth, request.headers.getall("Authorization", ()))
            return None
        received = await self._receive(request)
        self._authorization.check_signature(flow, auth, request.headers, received)
        return received

    async def _receive(self, request: web.BaseRequest) -> bytes:
        return await body.read(request, limit=self._max_body_bytes, timeout_s=self._body_timeout_s)


def _webhook_of(flow: Flow) -> tuple[programs.Program, programs.WebhookSettings]:
    """Return the flow's program and its webhook; `NotFound` if it has none, `FlowFailed` if it cannot be compiled."""
    try:
        program = programs.program_of(
            flow.document, flow_id=flow.id, flow_name=flow.state.name, version=flow.state.version
        )
    except errors.InvalidFlow as error:
        raise errors.FlowFailed("This flow cannot be run here. Save it again.") from error
    if program.webhook is None:
        raise errors.NotFound(address.NOT_FOUND)
    return program, program.webhook
