import asyncio

import pytest

from libs.common import errors, messages, topology
from libs.common.bus import port
from services.runner import publishing
from tests.unit.runner import fakes

LETTER = port.letter(topology.EVENTS, "replied", messages.Replied(run_id="r", status=200, reply_ms=1))


class FakeBus:
    """Gives the outcomes that it is told, one a publish."""

    def __init__(self, *results: errors.BusError | None) -> None:
        self.results = list(results)
        self.published: list[port.Letter] = []

    def publish(self, letter: port.Letter) -> "asyncio.Future[None]":
        self.published.append(letter)
        future = asyncio.get_running_loop().create_future()
        result = self.results.pop(0)
        if result is None:
            future.set_result(None)
        else:
            future.set_exception(result)
        return future


def post(bus: FakeBus, clock: fakes.FakeClock) -> publishing.Post:
    return publishing.Post(bus, clock)


@pytest.mark.parametrize(
    "error", [errors.OutcomeUnknown("?"), errors.Nacked("?"), errors.BusUnavailable("?"), errors.Unroutable("?")]
)
async def test_what_is_not_known_to_be_held_is_sent_again(error: errors.BusError) -> None:
    bus = FakeBus(error, error, None)

    await post(bus, fakes.FakeClock()).send(LETTER).confirmed()

    assert bus.published == [LETTER] * 3


async def test_nothing_is_sent_again_once_the_lease_is_lost() -> None:
    lease = port.Lease()
    bus = FakeBus(errors.OutcomeUnknown("?"))
    clock = fakes.FakeClock()
    clock.on_sleep = lease.end
    letter = port.letter(topology.EVENTS, "replied", messages.Replied(run_id="r", status=1, reply_ms=1), lease=lease)

    with pytest.raises(errors.LeaseLost):
        await post(bus, clock).send(letter).confirmed()

    assert len(bus.published) == 1


@pytest.mark.parametrize("error", [errors.MessageTooLarge("big"), errors.LeaseLost("gone")])
async def test_what_cannot_be_sent_is_told_at_once(error: errors.BusError) -> None:
    bus = FakeBus(error)

    with pytest.raises(type(error)):
        await post(bus, fakes.FakeClock()).send(LETTER).confirmed()

    assert len(bus.published) == 1


async def test_what_nobody_waits_for_is_sent_again_too() -> None:
    bus = FakeBus(errors.OutcomeUnknown("?"), None)
    clock = fakes.FakeClock()
    sent_again = asyncio.Event()
    clock.on_sleep = sent_again.set

    post(bus, clock).send_unwatched(LETTER)
    async with asyncio.timeout(5):
        await sent_again.wait()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    assert bus.published == [LETTER] * 2


async def test_a_cancelled_wait_leaves_the_letter_on_its_way() -> None:
    class SlowBus:
        def __init__(self) -> None:
            self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def publish(self, letter: port.Letter) -> "asyncio.Future[None]":
            return self.future

    bus = SlowBus()
    sending = publishing.Post(bus, fakes.FakeClock()).send(LETTER)
    first = asyncio.create_task(sending.confirmed())
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first])
    bus.future.set_result(None)

    await sending.confirmed()
