import asyncio

import pytest

from services.runner.slots import Slots


async def test_no_more_than_all_slots_are_taken() -> None:
    slots = Slots(4)
    queues = ["a", "a", "b", "b", "c"]

    taken = [slots.try_take(queue) for queue in queues]

    assert taken == [True, True, True, True, False]
    assert slots.taken == 4


async def test_one_queue_takes_three_quarters_at_most() -> None:
    slots = Slots(32)

    flooded = [slots.try_take("flood") for _ in range(1000)]

    assert sum(flooded) == 24
    assert slots.try_take("other")


async def test_a_single_slot_can_be_taken() -> None:
    assert Slots(1).try_take("a")


async def test_a_returned_slot_goes_to_who_waited_longest() -> None:
    slots = Slots(1)
    slots.try_take("a")
    order: list[str] = []

    async def wait(name: str) -> None:
        await slots.take(name)
        order.append(name)
        slots.give(name)

    waiting = [asyncio.create_task(wait(name)) for name in ("b", "c")]
    await asyncio.sleep(0)
    slots.give("a")
    await asyncio.gather(*waiting)

    assert order == ["b", "c"]
    assert slots.taken == 0


async def test_a_queue_at_its_share_does_not_keep_others_waiting() -> None:
    slots = Slots(4)
    for queue in ("flood", "flood", "flood", "b"):
        slots.try_take(queue)
    flood = asyncio.create_task(slots.take("flood"))
    await asyncio.sleep(0)
    other = asyncio.create_task(slots.take("c"))
    await asyncio.sleep(0)

    slots.give("b")
    await other

    assert not flood.done()
    flood.cancel()


async def test_who_gives_up_waiting_leaves_no_slot_taken() -> None:
    slots = Slots(1)
    slots.try_take("a")
    given_up = asyncio.create_task(slots.take("b"))
    granted_too_late = asyncio.create_task(slots.take("b"))
    await asyncio.sleep(0)

    given_up.cancel()
    await asyncio.sleep(0)
    slots.give("a")
    granted_too_late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await granted_too_late

    assert slots.taken == 0
    assert slots.try_take("c")
