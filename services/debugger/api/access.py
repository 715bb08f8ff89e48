"""Who calls: a personal access token in `Authorization: Bearer`, and what its scopes permit."""

from typing import Final

from aiohttp import web

from libs.common import errors
from services.debugger.api import scopes
from services.debugger.token_store import TokenStore

PERMITTED: Final = web.RequestKey("permitted", frozenset)  # all that the caller may do
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class Access:
    """The door of the API."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens

    async def check(self, authorization: str | None, needed: scopes.Permission) -> frozenset[scopes.Permission]:
        """Return all that the caller may do; `Unauthorized` without a good token, `Forbidden` if it is not enough."""
        text = bearer(authorization)
        token = None if text is None else await self._tokens.find(text)
        if token is None:
            raise errors.Unauthorized(
                "Send a personal access token as `Authorization: Bearer <token>`.", headers=_CHALLENGE
            )
        permitted = scopes.permissions(token.scopes)
        if needed not in permitted:
            wanted = " or ".join(f"`{scope}`" for scope in scopes.sufficient(needed))
            raise errors.Forbidden(f"This call needs a token with scope {wanted}.")
        return permitted


def bearer(authorization: str | None) -> str | None:
    """Return the token of `Bearer <token>`: one space, the scheme in any case; None for anything else."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii() or token.strip() != token:
        return None
    return token
