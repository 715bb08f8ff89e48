"""The check of the rate limit: who sends, whether it is admitted, and what every answer says about it."""

from typing import Final

from aiohttp import web

from libs.common import errors
from services.gateway.clients import CLIENT, Clients
from services.gateway.rate_limiter import Limiter
from services.gateway.rate_window import Standing

_STANDING: Final = web.RequestKey("rate_limit", Standing)


class RateLimit:
    """One of the endpoint's checks. Answers to other addresses than the endpoint's do not bear its fields."""

    def __init__(self, clients: Clients, limiter: Limiter) -> None:
        self._clients = clients
        self._limiter = limiter
        self._policy = limiter.limit.policy

    def note(self, request: web.BaseRequest) -> None:
        """Find out who sends, and let the answer say where the client stands, without counting this request."""
        client = request[CLIENT] = self._clients.of(request)
        request[_STANDING] = self._limiter.peek(client.counted_as)

    async def check(self, request: web.BaseRequest) -> None:
        """Count a request that was noted; `RateLimited` once the client has sent more than its limit."""
        client = request[CLIENT]
        standing = self._limiter.spend(client.counted_as) or await self._limiter.count(client.counted_as)
        request[_STANDING] = standing
        if not standing.admitted:
            raise _refusal(standing)

    def describe(self, request: web.BaseRequest, answer: web.Response) -> None:
        """Put the fields `RateLimit-Policy` and `RateLimit` on the answer to a request that was noted or counted."""
        standing = request.get(_STANDING)
        if standing is not None:
            answer.headers["RateLimit-Policy"] = self._policy
            answer.headers["RateLimit"] = standing.field


def _refusal(standing: Standing) -> errors.RateLimited:
    after = standing.reset_s
    return errors.RateLimited(
        f"Too many requests from this address. Send the next one in {after} seconds.",
        data={"retry_after": after},
        headers={"Retry-After": str(after)},
    )
