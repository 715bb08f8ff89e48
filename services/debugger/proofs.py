"""When a message must be gone: what the sweeper may conclude from queues that it saw empty, and from later starts.

A queue that was seen empty at T holds nothing that was put into it before. What a runner had in hand then it has
started, or must claim, once `claim_hold` has passed since. So a run that is silent since before T, seen from
`sweep_after` after T, has lost its message. The same follows from a run of the same lane that was accepted later and
started at T. What lies between `claim_hold` and `sweep_after` is room for clocks that differ, for slow confirms, and
for the sign of life of whoever started at the last moment.

All times are ms since the epoch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from libs.common import topology

Lane = tuple[str, int]
LANES: Final[tuple[Lane, ...]] = tuple((mode, lane) for mode in ("sync", "async") for lane in range(topology.LANES))
AGAIN: Final = (topology.CLAIMED, topology.SUSPECT, topology.LATER)
QUEUES: Final = (*(topology.lane_queue(*lane) for lane in LANES), *AGAIN)


@dataclass(frozen=True, slots=True)
class Ages:
    """How long the sweeper waits for a sign of life, in seconds, see the settings of the same names."""

    claim_hold_s: float
    sweep_after_s: float
    sweep_anyway_s: float

    @property
    def after_ms(self) -> int:
        """How long after a queue was seen empty nobody starts unasked what it held, and whoever did has shown it."""
        return round(self.sweep_after_s * 1000)

    @property
    def margin_ms(self) -> int:
        """The room for clocks that differ and for slow confirms."""
        return round((self.sweep_after_s - self.claim_hold_s) * 1000)

    @property
    def anyway_ms(self) -> int:
        """The age at which no proof is needed, since whatever still holds the run must claim it."""
        return round(self.sweep_anyway_s * 1000)


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is silent since before these times has lost its message. `again`: the proof of woken and swept runs."""

    lanes: Mapping[Lane, int]
    again: int | None

    @property
    def every_lane(self) -> int | None:
        """The proof for a run whose lane is not known."""
        return min(self.lanes.values()) if len(self.lanes) == len(LANES) else None


class Emptiness:
    """Remembers when each queue was last seen empty, as far back as proofs need."""

    def __init__(self, ages: Ages) -> None:
        self._ages = ages
        self._seen: dict[str, list[int]] = {}

    def observe(self, depths: Mapping[str, int], at_ms: int) -> None:
        """Note what the broker says now."""
        for queue, depth in depths.items():
            times = self._seen.setdefault(queue, [])
            if depth == 0:
                times.append(at_ms)
            old = [time for time in times if time <= at_ms - self._ages.after_ms]
            del times[: max(0, len(old) - 1)]  # of those that serve as a proof the latest is enough

    def proofs(self, at_ms: int, later_starts: Mapping[Lane, int]) -> Proofs:
        """Return what is proven now, given when each lane's newest run that has long started was accepted."""
        lanes = {}
        for lane in LANES:
            before = (self._before(topology.lane_queue(*lane), at_ms), self._less_margin(later_starts.get(lane)))
            found = [time for time in before if time is not None]
            if found:
                lanes[lane] = max(found)
        return Proofs(lanes, _least(self._before(queue, at_ms) for queue in AGAIN))

    def _before(self, queue: str, at_ms: int) -> int | None:
        times = (time for time in self._seen.get(queue, ()) if time <= at_ms - self._ages.after_ms)
        return self._less_margin(max(times, default=None))

    def _less_margin(self, time: int | None) -> int | None:
        return None if time is None else time - self._ages.margin_ms


def _least(times: Iterable[int | None]) -> int | None:
    known = []
    for time in times:
        if time is None:
            return None
        known.append(time)
    return min(known)
