"""What each scope of a personal access token permits, as one table."""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from libs.common import personal_tokens


class Permission(Enum):
    """What a call needs."""

    VIEW = "view"
    MANAGE = "manage"
    DELETE = "delete"


GRANTS: Final = {
    "automation": frozenset(Permission),
    "automation.manage": frozenset({Permission.VIEW, Permission.MANAGE}),
    "automation.view": frozenset({Permission.VIEW}),
    "automation.webhook_run": frozenset[Permission](),  # opens webhooks, and nothing here
}


def permissions(scopes: Iterable[str]) -> frozenset[Permission]:
    """Return all that these scopes permit together; a colon is taken for the dot, an unknown scope permits nothing."""
    granted = (GRANTS.get(personal_tokens.canonical(scope), frozenset()) for scope in scopes)
    return frozenset[Permission]().union(*granted)


def sufficient(permission: Permission) -> tuple[str, ...]:
    """Return the scopes that permit it, for the message of a refusal."""
    return tuple(scope for scope, granted in GRANTS.items() if permission in granted)
