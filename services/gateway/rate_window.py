"""The arithmetic of the rate limit: what one gateway knows of one address's window. Pure; times are monotonic seconds.

Three facts lead the rest. The shared count says when a window ends, by one clock for all gateways; here its end is
known to lie between `ends_s` and `reset_s`, since an answer takes a while to come. What the shared count *gave* may be
admitted, and nothing else: requests that waited for it, and those given ahead, each of which is counted already. What
is given ahead is spent or given back soon, so it is lent to a busy address only, as much as it needs for two flushes.
"""

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Final, NamedTuple

DRIFT_S: Final = 0.2  # how far two clocks may drift apart in a window
BUSY: Final = 2  # requests between two flushes that make an address worth lending to
MOST_AHEAD: Final = 1024
NEAR_END_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests of an address in so many seconds, from its first one on."""

    requests: int
    window_s: float

    @property
    def policy(self) -> str:
        """The field `RateLimit-Policy`."""
        return f'"default";q={self.requests};w={ceil(self.window_s)}'


class Standing(NamedTuple):
    """What a sender is told: whether it is admitted, what is left to it, and in how many seconds it has all again."""

    admitted: bool
    remaining: int
    reset_s: int

    @property
    def field(self) -> str:
        """The field `RateLimit`."""
        return f'"default";r={self.remaining};t={self.reset_s}'


class Answer(NamedTuple):
    """What the shared count says of an address.

    `granted` of those who waited are admitted, `ahead` more may be later; `taken` have been counted in the window,
    which ends at `ends_at`, in `left_ms` from now. Until `ahead_ms` have passed, some may still be given back.
    """

    granted: int
    ahead: int
    taken: int
    ends_at: datetime
    left_ms: int
    ahead_ms: int


class Window:
    """One address, as this gateway knows it."""

    __slots__ = (
        "address",
        "ends_at",
        "ends_s",
        "over",
        "owed",
        "pace",
        "reset_s",
        "retried",
        "spent",
        "taken",
        "unspent",
    )

    def __init__(self, address: str) -> None:
        self.address = address
        self._begin(None)
        self.ends_s = self.reset_s = float("-inf")
        self.spent = self.pace = 0  # admitted since the last flush, and between the two before it

    def _begin(self, ends_at: datetime | None) -> None:
        self.ends_at = ends_at
        self.taken = 0  # counted in this window, by all gateways
        self.unspent = 0  # of these, what was given ahead to this gateway and is not spent
        self.owed = 0  # admitted on this gateway's own count, and not yet counted by all
        self.over = False  # nothing is left until the window ends
        self.retried = False  # it has been waited for what others might give back

    def spend(self, now_s: float) -> bool:
        """Admit a request that was given ahead, if there is one."""
        if self.unspent and now_s < self.ends_s:
            self.unspent -= 1
            self.spent += 1
            return True
        return False

    def is_over(self, now_s: float) -> bool:
        """Tell whether nothing is admitted before the window ends, whatever others say."""
        return self.over and now_s < self.ends_s

    def learn(self, answer: Answer, *, sent_s: float, now_s: float) -> None:
        """Take over what the shared count says, which was asked at `sent_s`."""
        ends_s = sent_s + (answer.left_ms - 1) / 1000
        reset_s = now_s + answer.left_ms / 1000
        if answer.ends_at == self.ends_at:
            self.ends_s, self.reset_s = max(self.ends_s, ends_s), min(self.reset_s, reset_s)
        else:
            owed = self.owed
            self._begin(answer.ends_at)
            self.ends_s, self.reset_s, self.owed = ends_s, reset_s, owed
        self.taken = answer.taken
        self.unspent += answer.ahead
        self.spent += answer.granted

    def count_alone(self, limit: Limit, now_s: float) -> bool:
        """Count a request on what this gateway knows; tell whether it is admitted."""
        if now_s >= self.ends_s:
            self._begin(None)
            self.ends_s = self.reset_s = now_s + limit.window_s
        if self.spend(now_s):
            return True
        if self.over or self.taken >= limit.requests:
            self.over = True
            return False
        self.taken += 1
        self.owed += 1
        return True

    def owes(self, now_s: float) -> int:
        """Return how many requests of a running window only this gateway has counted."""
        return self.owed if now_s < self.ends_s else 0

    def wish(self, now_s: float) -> int:
        """Return how many requests more should be given ahead: what is sent between two flushes, twice.

        None near the window's end: a window begins with a request, not with a wish.
        """
        pace = max(self.pace, self.spent)
        if pace < BUSY or self.over or now_s > self.ends_s - NEAR_END_S:
            return 0
        return max(0, min(2 * pace, MOST_AHEAD) - self.unspent)

    def flush(self) -> bool:
        """Begin another interval; tell whether there was a request in the one that ends."""
        self.pace, self.spent = self.spent, 0
        return self.pace > 0

    def surrender(self) -> int:
        """Return how many were given ahead and are not spent; they no longer may be."""
        unspent, self.unspent = self.unspent, 0
        self.taken -= unspent
        return unspent

    def standing(self, limit: Limit, now_s: float, *, admitted: bool) -> Standing:
        """Return what a sender is told now."""
        if now_s >= self.reset_s:
            return Standing(admitted, limit.requests, ceil(limit.window_s))
        left_s = self.reset_s - now_s
        if not admitted:  # sent after that, a request is admitted: by whatever gateway, and whatever its clock does
            return Standing(False, 0, max(1, min(ceil(left_s + DRIFT_S), ceil(limit.window_s))))
        return Standing(True, max(0, limit.requests - self.taken + self.unspent), max(1, ceil(left_s)))
