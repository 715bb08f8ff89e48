import asyncio

import pytest

from libs.common import errors, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.gateway.shedding import LaneLoad, Shedding


def lane(min_waiting: int = 100) -> LaneLoad:
    return LaneLoad(limit_s=30, min_waiting=min_waiting)


def looks(load: LaneLoad, *, waiting: list[int], fed: int) -> None:
    for depth in waiting:
        load.look(depth, fed=fed, elapsed_s=1)


def test_what_is_taken_as_fast_as_it_comes_is_no_overload() -> None:
    load = lane()

    looks(load, waiting=[0, 0, 500, 500, 500], fed=500)

    assert load.expected_wait_s == pytest.approx(1)
    assert load.retry_after_s() is None


def test_a_queue_that_outgrows_its_runners_is_shed_before_its_wait_is_too_long() -> None:
    load = lane()
    looks(load, waiting=[0, 0], fed=100)

    looks(load, waiting=list(range(100, 3000, 100)), fed=200)
    assert load.retry_after_s() is None
    looks(load, waiting=list(range(3000, 4000, 100)), fed=200)

    assert load.expected_wait_s == pytest.approx(39)
    assert load.retry_after_s() == 9


def test_a_short_queue_is_no_overload_even_if_nothing_is_taken() -> None:
    load = lane(min_waiting=100)

    looks(load, waiting=[0, 99, 99], fed=0)

    assert load.expected_wait_s == float("inf")
    assert load.retry_after_s() is None


def test_without_any_runner_a_long_queue_is_shed() -> None:
    load = lane()

    looks(load, waiting=[0, 100, 200], fed=100)

    assert load.retry_after_s() == 60


def test_a_pause_of_all_runners_is_not_taken_for_overload_at_once() -> None:
    load = lane()
    looks(load, waiting=[0, 0], fed=100)

    looks(load, waiting=[100 * second for second in range(1, 11)], fed=100)

    assert load.retry_after_s() is None


def test_runners_that_do_not_come_back_are() -> None:
    load = lane()
    looks(load, waiting=[0, 0], fed=100)

    looks(load, waiting=[100 * second for second in range(1, 20)], fed=100)

    assert load.retry_after_s() is not None


def test_a_queue_that_drains_is_opened_again() -> None:
    load = lane()
    looks(load, waiting=[0, 1000, 1000], fed=0)
    assert load.retry_after_s() is not None

    looks(load, waiting=[900], fed=0)

    assert load.expected_wait_s == pytest.approx(9)
    assert load.retry_after_s() is None


def test_nothing_is_known_while_the_broker_is_away() -> None:
    load = lane()
    looks(load, waiting=[0, 1000, 1000], fed=0)

    load.forget()

    assert load.retry_after_s() is None


def test_retry_after_is_at_least_a_second() -> None:
    load = lane()
    looks(load, waiting=[0, 0, 3001], fed=0)
    load._rate = 100.0

    assert load.retry_after_s() == 1


async def test_a_full_lane_of_the_broker_is_shed_and_another_is_not() -> None:
    bus = MemoryBus(MemoryBroker(topology.TOPOLOGY))
    await bus.start()
    shed = Shedding(bus, min_waiting=3)
    await shed.look()

    letter = port.Letter(topology.RUNS, topology.run_key("sync", 1), "run/1", b"{}", alone=True)
    outcomes = [bus.publish(letter) for _ in range(5)]
    for outcome in outcomes:
        shed.published("sync", 1, alone=True, outcome=outcome)
    await asyncio.gather(*outcomes)
    await shed.look()

    with pytest.raises(errors.Unavailable) as refusal:
        shed.admit("sync", 1)
    assert refusal.value.headers == {"Retry-After": "60"}
    shed.admit("sync", 2)
    shed.admit("async", 1)
    await bus.stop()


async def test_runs_that_share_a_message_count_as_one() -> None:
    bus = MemoryBus(MemoryBroker(topology.TOPOLOGY))
    shed = Shedding(bus, min_waiting=3)
    taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    for _ in range(33):
        shed.published("sync", 1, alone=False, outcome=taken)
    shed.published("sync", 1, alone=True, outcome=taken)
    await asyncio.sleep(0)
    shed.published("sync", 1, alone=False, outcome=taken)
    taken.set_result(None)
    await asyncio.sleep(0)

    assert shed._fed[topology.lane_queue("sync", 1)] == 4
