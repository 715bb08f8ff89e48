import asyncio

import pytest

from libs.common import errors
from services.gateway import flows
from services.gateway.flows import Flows
from tests.unit.gateway import samples


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Flows:
    cache = Flows(limit=3, clock=clock)
    cache.connected()
    return cache


def read(cache: Flows, *found: flows.Flow) -> list[str]:
    """Answer what is wanted as the feed does."""
    ids = cache.wanted(100)
    cache.put(ids, [flow for flow in found if flow.id in ids])
    return ids


async def asked(cache: Flows, flow_id: str) -> "asyncio.Task[flows.Flow]":
    task = asyncio.create_task(cache.find(flow_id))
    await asyncio.sleep(0)
    return task


async def test_an_unknown_flow_is_asked_for_once_however_many_wait(cache: Flows) -> None:
    tasks = [await asked(cache, samples.FLOW_ID) for _ in range(3)]

    assert read(cache, samples.flow()) == [samples.FLOW_ID]
    assert await asyncio.gather(*tasks) == [samples.flow()] * 3
    assert cache.get(samples.FLOW_ID) == samples.flow()
    assert not cache.wanting.is_set()


async def test_what_does_not_exist_is_remembered_for_a_moment(cache: Flows, clock: Clock) -> None:
    task = await asked(cache, samples.FLOW_ID)
    read(cache)
    with pytest.raises(errors.NotFound):
        await task

    with pytest.raises(errors.NotFound):
        await cache.find(samples.FLOW_ID)
    clock.now_s += flows.ABSENT_FOR_S
    task = await asked(cache, samples.FLOW_ID)

    assert read(cache, samples.flow()) == [samples.FLOW_ID]
    assert await task == samples.flow()


async def test_a_flow_that_was_just_created_is_found_at_once(cache: Flows) -> None:
    task = await asked(cache, samples.FLOW_ID)
    read(cache)
    with pytest.raises(errors.NotFound):
        await task

    cache.changed(samples.FLOW_ID)
    read(cache, samples.flow())

    assert await cache.find(samples.FLOW_ID) == samples.flow()


async def test_a_change_is_read_and_a_deleted_flow_is_gone(cache: Flows) -> None:
    cache.put([samples.FLOW_ID], [samples.flow()])

    cache.changed(samples.FLOW_ID)
    read(cache, samples.flow(status="paused"))
    found = cache.get(samples.FLOW_ID)
    assert found is not None
    assert found.state.status == "paused"

    cache.changed(samples.FLOW_ID)
    read(cache)
    assert cache.get(samples.FLOW_ID) is None


async def test_while_postgres_is_away_what_is_known_is_served_and_nobody_can_tell_of_others(cache: Flows) -> None:
    cache.put([samples.FLOW_ID], [samples.flow()])
    waiting = await asked(cache, samples.OTHER_ID)

    cache.disconnected()

    assert await cache.find(samples.FLOW_ID) == samples.flow()
    for refused in (waiting, cache.find(samples.OTHER_ID)):
        with pytest.raises(errors.Unavailable) as refusal:
            await refused
        assert refusal.value.headers == {"Retry-After": "2"}


async def test_a_question_without_an_answer_is_given_up(cache: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "FIND_TIMEOUT_S", 0)

    with pytest.raises(errors.Unavailable):
        await cache.find(samples.FLOW_ID)


async def test_a_comparison_repairs_what_was_missed(cache: Flows) -> None:
    gone, same, new = (f"{number:08}-2222-4333-8444-555555555555" for number in range(3))
    for flow_id in (gone, same, samples.FLOW_ID):
        cache.put([flow_id], [samples.flow(flow_id)])

    cache.reconcile(
        {same: samples.state(generation=2), new: samples.state(), samples.FLOW_ID: samples.state(version=2)}
    )

    assert set(cache.wanted(100)) == {gone, new, samples.FLOW_ID}
    rotated = cache.get(same)
    assert rotated is not None
    assert rotated.state.generation == 2


async def test_those_who_wait_come_first(cache: Flows) -> None:
    cache.changed(samples.OTHER_ID)
    task = await asked(cache, samples.FLOW_ID)

    assert cache.wanted(1) == [samples.FLOW_ID]
    assert cache.wanting.is_set()
    cache.put([samples.FLOW_ID], [])
    assert cache.wanted(1) == [samples.OTHER_ID]
    with pytest.raises(errors.NotFound):
        await task


def test_what_is_kept_is_bounded(cache: Flows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "MAX_ABSENT", 2)
    ids = [f"{number:08}-2222-4333-8444-555555555555" for number in range(9)]

    cache.put(ids, map(samples.flow, ids))
    cache.put(ids[:5], [])

    assert len(cache) <= 3
    assert len(cache._absent) <= 2
