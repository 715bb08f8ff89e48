import pytest

from libs.common import errors, topology
from services.runner import config, lanes


@pytest.mark.parametrize(("runs", "prefetch"), [(1, 1), (2, 1), (4, 3), (32, 8), (1000, 8)])
def test_a_lane_never_gets_all_slots(runs: int, prefetch: int) -> None:
    assert config.RunnerSettings.load(runner_concurrency=runs).lane_prefetch == prefetch


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("sync,async", [f"runs.{mode}.{lane}.v1" for mode in ("sync", "async") for lane in range(topology.LANES)]),
        (" async ", [f"runs.async.{lane}.v1" for lane in range(topology.LANES)]),
        ("sync.1, async.3,sync.1", ["runs.sync.1.v1", "runs.async.3.v1"]),
    ],
)
def test_lanes_are_named_by_mode_or_one_by_one(setting: str, expected: list[str]) -> None:
    assert list(lanes.queues_of(setting)) == expected


@pytest.mark.parametrize("setting", ["", "fast", "sync.9", "sync.x", ","])
def test_a_lane_that_is_not_there_is_refused(setting: str) -> None:
    with pytest.raises(errors.StartError, match="FLOWHOOK_RUNNER_LANES"):
        config.RunnerSettings.load(runner_lanes=setting)


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(errors.StartError, match="FLOWHOOK_HTTP_ALLOW"):
        config.RunnerSettings.load(http_allow="10.0.0.0/99")


def test_a_message_may_not_be_held_for_longer_than_the_broker_bears() -> None:
    with pytest.raises(errors.StartError, match="together must stay below"):
        config.RunnerSettings.load(later_after_s=1200)


def test_the_defaults_are_in_order() -> None:
    assert config.RunnerSettings.load().hold_s == 600
