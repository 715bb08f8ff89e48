"""Which queues a runner takes work from."""

from typing import Final

from libs.common import topology

MODES: Final = ("sync", "async")


def queues_of(lanes: str) -> tuple[str, ...]:
    """Return the lane queues that a setting names: `sync`, `async` or one lane (`sync.0`), separated by commas.

    ValueError says what is wrong with it.
    """
    names = [name.strip() for name in lanes.split(",") if name.strip()]
    if not names:
        raise ValueError("name at least one of sync, async, or a lane such as sync.0")
    return tuple(dict.fromkeys(queue for name in names for queue in _queues(name)))


def _queues(name: str) -> tuple[str, ...]:
    mode, _, lane = name.partition(".")
    if mode not in MODES or (lane and lane not in map(str, range(topology.LANES))):
        raise ValueError(f"there is no lane {name!r}: sync, async, or one of 0 to {topology.LANES - 1} (sync.0)")
    if lane:
        return (topology.lane_queue(mode, int(lane)),)
    return tuple(topology.lane_queue(mode, number) for number in range(topology.LANES))
