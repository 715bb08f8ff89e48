"""Identifiers that sort by the time at which they were made."""

import sys
from uuid import UUID

if sys.version_info >= (3, 14):
    from uuid import uuid7 as _uuid7
else:
    from uuid_utils.compat import uuid7 as _uuid7


def new_id() -> str:
    """Return a new UUIDv7 in its canonical text form (RFC 9562)."""
    return str(_uuid7())


def made_at_ms(identifier: str) -> int:
    """Return the milliseconds since the epoch that a UUIDv7 was made at; ValueError if it is no UUID."""
    return UUID(identifier).int >> 80
