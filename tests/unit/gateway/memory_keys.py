"""The shared keys in memory, by the same rules as the statements of `services/gateway/sql`.

That the rules are the same, `tests/integration/test_idempotency_keys.py` shows by asking both the same questions.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from libs.common import messages
from services.gateway.idempotency import Earlier, State
from services.gateway.key_store import KEPT, Claim, Found, KeysAway, Mark, Place


@dataclass
class Row:
    """One key, in milliseconds of the keys' own clock."""

    claim: Claim
    claimed_ms: int
    state: State = "sent"
    response: bytes | None = None


@dataclass
class MemoryKeys:
    """What all gateways share. `now_ms` is the clock, `statuses` what the record knows of runs; a test changes them.

    `taken` counts the claims of keys that others had, `finds` the questions after that.
    """

    now_ms: int = 0
    away: bool = False
    rows: dict[Place, Row] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, messages.Response] = field(default_factory=dict)
    taken: int = 0
    finds: int = 0

    async def open(self) -> None:
        self._check()

    async def close(self) -> None:
        pass

    async def claim(self, claims: Sequence[Claim]) -> Collection[Place]:
        self._check()
        assert len({claim.place for claim in claims}) == len(claims)
        given = [claim for claim in claims if self._may_have(claim)]
        self.taken += len(claims) - len(given)
        for claim in given:
            self.rows[claim.place] = Row(claim, self.now_ms, response=claim.response)
        return {claim.place for claim in given}

    def _may_have(self, claim: Claim) -> bool:
        row = self._row(claim.place)
        return row is None or row.claim.run_id == claim.replaces

    def _row(self, place: Place) -> Row | None:
        row = self.rows.get(place)
        return None if row is None or self.now_ms - row.claimed_ms > KEPT.total_seconds() * 1000 else row

    async def find(self, places: Sequence[Place]) -> Mapping[Place, Found]:
        self._check()
        self.finds += 1
        rows = {place: self._row(place) for place in places}
        return {place: self._found(row) for place, row in rows.items() if row is not None}

    def _found(self, row: Row) -> Found:
        run_id = row.claim.run_id
        kept = None if row.response is None else msgspec.json.decode(row.response, type=messages.Response)
        status = self.statuses.get(run_id)
        recorded = self.recorded.get(run_id) if status == "success" else None
        earlier = Earlier(
            run_id=run_id,
            request=row.claim.request,
            state=row.state,
            age_ms=self.now_ms - row.claimed_ms,
            kept=kept is not None,
            status=status,
            recorded=recorded is not None,
        )
        return Found(earlier, kept, recorded)

    async def mark(self, marks: Sequence[Mark]) -> None:
        self._check()
        for mark in marks:
            row = self.rows.get(mark.place)
            if row is not None and row.claim.run_id == mark.run_id:
                row.state = mark.state
                row.response = mark.response or row.response

    def _check(self) -> None:
        if self.away:
            raise KeysAway("away")
