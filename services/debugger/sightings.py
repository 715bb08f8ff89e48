"""What the sweeper has seen of the lanes: when a queue was empty, and which runs had begun. See `sweeping` for the use.

All times are ms since the epoch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from libs.common import topology
from services.debugger import sweeping

Lane = tuple[str, int]
LANES: Final[tuple[Lane, ...]] = tuple((mode, lane) for mode in ("sync", "async") for lane in range(topology.LANES))
QUEUES: Final = {topology.lane_queue(*lane): lane for lane in LANES}
NO_BOUND: Final = 2**48 - 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """At this time it was seen that what a lane was given before has left its queue, if accepted before the bound."""

    at_ms: int
    bound_ms: int


class Sightings:
    """The sightings of each lane, as far back as they are of use."""

    def __init__(self, after_ms: int) -> None:
        self._after_ms = after_ms
        self._empty: dict[Lane, list[Sighting]] = {lane: [] for lane in LANES}
        self._overtaken: dict[Lane, list[Sighting]] = {lane: [] for lane in LANES}

    def see_depths(self, depths: Mapping[str, int], at_ms: int) -> None:
        """Note how many messages wait in each queue."""
        for queue, lane in QUEUES.items():
            if depths.get(queue) == 0:
                self._note(self._empty[lane], Sighting(at_ms, NO_BOUND))

    def see_begun(self, accepted_at_ms: Mapping[Lane, int], at_ms: int) -> None:
        """Note for each lane the acceptance of the newest run that has begun without a claim."""
        for lane, accepted in accepted_at_ms.items():
            self._note(self._overtaken[lane], Sighting(at_ms, accepted - sweeping.OVERTAKEN_BY_MS))

    def ripe(self, at_ms: int) -> list[tuple[Lane, Sighting]]:
        """Return for each lane and kind the latest sighting that is old enough to prove something."""
        found = []
        for kind in (self._empty, self._overtaken):
            for lane, sightings in kind.items():
                if old := self._old(sightings, at_ms):
                    found.append((lane, old[-1]))
        return found

    def every_lane_empty(self, at_ms: int) -> int | None:
        """Return since when every lane had been seen empty, if that is old enough."""
        latest = [self._old(sightings, at_ms) for sightings in self._empty.values()]
        return _least(old[-1].at_ms if old else None for old in latest)

    def _note(self, sightings: list[Sighting], seen: Sighting) -> None:
        sightings.append(seen)
        old = self._old(sightings, seen.at_ms)
        del sightings[: max(0, len(old) - 1)]

    def _old(self, sightings: list[Sighting], at_ms: int) -> list[Sighting]:
        return [sighting for sighting in sightings if sighting.at_ms <= at_ms - self._after_ms]


def _least(times: Iterable[int | None]) -> int | None:
    known = []
    for time in times:
        if time is None:
            return None
        known.append(time)
    return min(known)
