"""The shared count in memory, by the same rules as the statements of `services/gateway/sql`.

That the rules are the same, `tests/integration/test_rate_counters.py` shows by asking both the same questions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.gateway.rate_counters import Asked, CountersAway, GivenBack
from services.gateway.rate_window import Answer, Limit

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
AHEAD_MS = 250


@dataclass
class Row:
    """One address, in milliseconds of the count's own clock."""

    ends_ms: int
    taken: int
    ahead_until_ms: int


class CountersBoard:
    """What all gateways share. `now_ms` is the clock, which a test moves."""

    def __init__(self, limit: Limit, now_ms: int = 0) -> None:
        self.limit = limit
        self.now_ms = now_ms
        self.rows: dict[str, Row] = {}
        self.away = False
        self.questions = 0

    def _answer(self, asked: Asked) -> Answer:
        requests = self.limit.requests
        row = self.rows.get(asked.address)
        ends_ms = self.now_ms + asked.left_ms
        if row is None or row.ends_ms <= self.now_ms:
            row = self.rows[asked.address] = Row(ends_ms, 0, self.now_ms)
        elif asked.owed:
            row.ends_ms = min(row.ends_ms, ends_ms)
        elif row.ends_ms > ends_ms + 5000:
            row.ends_ms = ends_ms
        row.taken += asked.owed
        granted = max(0, min(asked.wanted, requests - row.taken))
        row.taken += granted
        ahead = max(0, min(asked.ahead, (requests - row.taken) // 8))
        row.taken += ahead
        if ahead:
            row.ahead_until_ms = self.now_ms + AHEAD_MS
        ahead_ms = max(0, row.ahead_until_ms - self.now_ms)
        ends_at = EPOCH + timedelta(milliseconds=row.ends_ms)
        return Answer(granted, ahead, row.taken, ends_at, row.ends_ms - self.now_ms, ahead_ms)

    def count(self, asked: Sequence[Asked]) -> Mapping[str, Answer]:
        """As the statement of this name."""
        self.questions += 1
        assert len({one.address for one in asked}) == len(asked)
        return {one.address: self._answer(one) for one in asked}

    def give_back(self, back: Sequence[GivenBack]) -> None:
        """As the statement of this name."""
        for one in back:
            row = self.rows.get(one.address)
            if row is not None and EPOCH + timedelta(milliseconds=row.ends_ms) == one.ends_at:
                row.taken -= one.unspent


class MemoryCounters:
    """A gateway's way to the board."""

    def __init__(self, board: CountersBoard) -> None:
        self._board = board

    async def open(self) -> None:
        self._check()

    async def close(self) -> None:
        pass

    async def count(self, asked: Sequence[Asked]) -> Mapping[str, Answer]:
        self._check()
        return self._board.count(asked)

    async def give_back(self, back: Sequence[GivenBack]) -> None:
        self._check()
        self._board.give_back(back)

    def _check(self) -> None:
        if self._board.away:
            raise CountersAway("away")
