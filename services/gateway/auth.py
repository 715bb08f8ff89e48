"""Who may call a webhook.

A flow names its scheme. For `token`, the default, the bearer token must be the flow's own or a personal access token.
For a signed flow a token opens nothing: the signature is over the body, so that is read first. What is no scheme that
this gateway knows opens nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final

from libs.common import errors, webhook_tokens
from libs.common.flow import signing
from services.gateway.flows import Flow
from services.gateway.personal_tokens import PersonalTokens
from services.gateway.signatures import Headers, Signatures

MAX_TOKEN: Final = 4096
MAX_VERIFIED: Final = 10_000

_BEARER: Final = {"WWW-Authenticate": "Bearer"}


class WebhookTokens:
    """The tokens of the flows themselves, signed by the installation.

    A signature that was found good is remembered with what it says, so it is computed once; whether its generation
    still opens the flow is asked each time.
    """

    def __init__(self, key: bytes, *, clock_ms: Callable[[], int]) -> None:
        self._key = key
        self._clock_ms = clock_ms
        self._verified: dict[str, tuple[str, int]] = {}

    def __call__(self, token: str, flow: Flow) -> bool:
        """Tell whether the token opens the flow now."""
        generations = flow.generations(self._clock_ms())
        known = self._verified.get(token)
        if known is not None:
            return known[0] == flow.id and known[1] in generations
        return any(self._verify(token, flow.id, generation) for generation in generations)

    def _verify(self, token: str, flow_id: str, generation: int) -> bool:
        if not webhook_tokens.verify(self._key, token, flow_id=flow_id, generations=frozenset({generation})):
            return False
        if len(self._verified) >= MAX_VERIFIED:
            del self._verified[next(iter(self._verified))]  # the oldest
        self._verified[token] = (flow_id, generation)
        return True


class Authorization:
    """The second door of the endpoint, see the module."""

    def __init__(self, webhook_tokens: WebhookTokens, personal_tokens: PersonalTokens, signatures: Signatures) -> None:
        self._webhook_tokens = webhook_tokens
        self._personal_tokens = personal_tokens
        self._signatures = signatures

    async def check(self, flow: Flow, scheme: object, authorization: Sequence[str]) -> None:
        """Return if a request with these `Authorization` headers may call the flow.

        `Unauthorized` without good credentials, `Forbidden` if they do not suffice, `Unavailable` if nobody can tell.
        """
        if scheme == "none":
            return
        if scheme != "token":
            raise errors.Unauthorized("This flow asks for a kind of authorization that this gateway does not know.")
        token = bearer_token(authorization)
        if not self._webhook_tokens(token, flow) and not await self._personal_tokens.opens(token):
            raise errors.Unauthorized("The token is not one of this flow, or has been rotated.", headers=_BEARER)

    def check_signature(self, flow: Flow, scheme: signing.Scheme, headers: Headers, received: bytes) -> None:
        """Return if the bytes that were received are signed as the flow asks for; `Unauthorized` if not."""
        self._signatures.check(scheme, flow.secrets, headers, received)


def bearer_token(values: Sequence[str]) -> str:
    """Return the token of the only `Authorization` header: `Bearer`, one space, the token."""
    if len(values) != 1:
        raise errors.Unauthorized("Send the flow's token in one header: Authorization: Bearer <token>", headers=_BEARER)
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token or not token.isascii() or len(token) > MAX_TOKEN:
        raise errors.Unauthorized(
            "The Authorization header must be: Bearer, one space, the flow's token.", headers=_BEARER
        )
    return token
