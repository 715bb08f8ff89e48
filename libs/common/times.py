"""The time of day, and how it is written for others."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def moment(at_ms: int) -> datetime:
    """Return the time in UTC that these milliseconds since the epoch are."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def timestamp(at: datetime) -> str:
    """Return a time as RFC 3339 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
