import asyncio

from libs.common.clock import SystemClock


async def test_a_turn_is_long_for_those_who_come_after_a_long_computation() -> None:
    clock = SystemClock(longest_turn_s=0)
    first = clock.turn_is_long()
    second = clock.turn_is_long()

    await asyncio.sleep(0)

    assert (first, second) == (False, True)
    assert not clock.turn_is_long()


async def test_many_who_compute_let_the_loop_come_round_between_them() -> None:
    clock = SystemClock(longest_turn_s=0)
    order: list[str] = []

    async def compute(name: str) -> None:
        while clock.turn_is_long():
            await clock.sleep(0)
        order.append(name)
        asyncio.get_running_loop().call_soon(order.append, "others")

    await asyncio.gather(*(compute(name) for name in "abc"))
    await asyncio.sleep(0)

    assert order == ["a", "others", "b", "others", "c", "others"]


async def test_a_short_turn_keeps_nobody_waiting() -> None:
    clock = SystemClock(longest_turn_s=60)

    assert [clock.turn_is_long() for _ in range(3)] == [False, False, False]
