"""Personal access tokens: what they look like, what is kept of one, and which of them open webhooks.

A token is 32 random bytes, so one plain hash is all that has to be kept, and looking a hash up tells nobody who
measures it anything about the tokens that are there.
"""

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

PREFIX: Final = "fh_pat_"
SCOPES: Final = ("automation", "automation.manage", "automation.view", "automation.webhook_run")
_OPEN_WEBHOOKS: Final = frozenset({"automation", "automation.manage", "automation.webhook_run"})


def new() -> str:
    """Return a token that nobody has had before."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(text: str) -> bytes:
    """Return what is kept of a token."""
    return sha256(text.encode()).digest()


def canonical(scope: str) -> str:
    """Return a scope's name with the dot that a colon is taken for."""
    return scope.replace(":", ".")


def open_webhooks(scopes: Iterable[str]) -> bool:
    """Tell whether a token with these scopes may call webhooks."""
    return any(canonical(scope) in _OPEN_WEBHOOKS for scope in scopes)
