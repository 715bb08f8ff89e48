import asyncio

import pytest

from services.runner import orders
from services.runner.orders import Order, Orders


async def waiting(given: Orders, entered: asyncio.Event) -> str:
    try:
        with given.interruptible(orders.DURING_A_STEP):
            entered.set()
            await asyncio.Event().wait()
    except orders.Told:
        return "told"
    return "through"


async def begin(given: Orders) -> asyncio.Task[str]:
    entered = asyncio.Event()
    task = asyncio.create_task(waiting(given, entered))
    await entered.wait()
    return task


@pytest.mark.parametrize("order", [Order.INTERRUPT, Order.CANCEL, Order.LOST])
async def test_an_order_that_breaks_a_wait_ends_it(order: Order) -> None:
    given = Orders()
    task = await begin(given)

    given.give(order)

    assert await task == "told"
    assert task.cancelling() == 0


async def test_a_soft_stop_leaves_a_step_alone() -> None:
    given = Orders()
    task = await begin(given)

    given.give(Order.STOP)
    await asyncio.sleep(0)
    still_waiting = not task.done()
    given.give(Order.INTERRUPT)

    assert still_waiting
    assert await task == "told"


async def test_an_earlier_order_breaks_a_wait_before_it_begins() -> None:
    given = Orders()

    given.give(Order.CANCEL)

    with pytest.raises(orders.Told), given.interruptible(orders.DURING_A_STEP):
        pytest.fail("the block was entered")


async def test_an_order_outside_of_a_wait_cancels_nothing() -> None:
    given = Orders()

    async def publish() -> str:
        with given.interruptible(orders.DURING_A_STEP):
            pass
        await asyncio.sleep(0)
        return "published"

    task = asyncio.create_task(publish())
    given.give(Order.STOP)
    await asyncio.sleep(0)
    given.give(Order.LOST)

    assert await task == "published"


async def test_a_cancellation_from_elsewhere_is_not_taken_for_an_order() -> None:
    given = Orders()
    task = await begin(given)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_both_at_once_is_a_cancellation() -> None:
    given = Orders()
    task = await begin(given)

    given.give(Order.CANCEL)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
