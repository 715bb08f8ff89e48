"""What the bus promises to whoever publishes."""

import asyncio
import gc
from typing import Any

import pytest

from libs.common import errors
from libs.common.bus import port
from tests.contracts import desk
from tests.contracts.sites import Site, ready, started


async def test_confirmed_letter_is_in_every_queue_that_it_reaches(site: Site) -> None:
    bus = await started(site.bus())

    await bus.publish(desk.job(1))

    assert await bus.depths((desk.JOBS, desk.RECORD, desk.GRAVE)) == {desk.JOBS: 1, desk.RECORD: 1, desk.GRAVE: 0}


async def test_letter_that_no_queue_takes_is_unroutable(site: Site) -> None:
    bus = await started(site.bus())

    with pytest.raises(errors.Unroutable):
        await bus.publish(port.Letter(desk.CONTROL, "answer.nobody", "answer/1", b"{}"))


async def test_unroutable_letter_among_others_spoils_none_of_them(site: Site) -> None:
    bus = await started(site.bus())

    outcomes = await asyncio.gather(
        bus.publish(desk.event(1)),
        bus.publish(port.Letter(desk.CONTROL, "answer.nobody", "answer/1", b"{}")),
        bus.publish(desk.event(2)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), errors.Unroutable, type(None)]


async def test_letter_that_a_full_queue_refuses_is_nacked_though_another_queue_has_it(site: Site) -> None:
    bus = await started(site.bus())
    inbox = desk.Inbox()
    bus.subscribe(desk.RECORD, inbox, prefetch=100)
    await ready(bus)
    count = 0

    outcome: BaseException | None = None
    while outcome is None and count < 50:  # a limit may be kept loosely
        letter = port.Letter(desk.WORK, "bounded", "job/1", b"%d" % count, alone=True)
        (outcome,) = await asyncio.gather(bus.publish(letter), return_exceptions=True)
        count += 1

    assert type(outcome) is errors.Nacked
    assert desk.numbers(await inbox.take(count)) == list(range(count))


async def test_refused_letter_counts_among_those_of_unknown_outcome() -> None:
    assert issubclass(errors.Nacked, errors.OutcomeUnknown)


async def test_letter_without_a_confirm_when_the_connection_is_lost_is_of_unknown_outcome(site: Site) -> None:
    bus = await started(site.silent_bus())
    site.silence(bus)

    outcome = bus.publish(desk.job(1))
    await asyncio.sleep(0)  # it is sent at the end of this turn
    await asyncio.sleep(0)
    site.cut(bus)

    with pytest.raises(errors.OutcomeUnknown):
        await outcome


async def test_letter_published_while_the_broker_is_away_is_known_not_to_be_sent(site: Site) -> None:
    bus = site.bus()

    with pytest.raises(errors.BusUnavailable):
        await bus.publish(desk.job(1))

    await started(bus)
    async with site.away(bus):
        await desk.until(lambda: not bus.ready)
        with pytest.raises(errors.BusUnavailable):
            await bus.publish(desk.job(2))
    await ready(bus)

    assert await bus.depths((desk.JOBS,)) == {desk.JOBS: 0}


async def test_letter_that_is_too_long_is_refused_and_the_others_go_on(site: Site) -> None:
    bus = await started(site.bus())
    inbox = desk.Inbox()
    bus.subscribe(desk.RECORD, inbox, prefetch=10)
    await ready(bus)

    before = bus.publish(desk.event(1))
    long = bus.publish(port.Letter(desk.EVENTS, "happened", "event/1", b"1" * (port.MAX_MESSAGE_BYTES + 1)))
    after = bus.publish(desk.event(2))

    with pytest.raises(errors.MessageTooLarge):
        await long
    await asyncio.gather(before, after)
    assert desk.numbers(await inbox.take(2)) == [1, 2]


async def test_letter_as_long_as_allowed_arrives(site: Site) -> None:
    bus = await started(site.bus())
    inbox = desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=10)
    body = b'"%b"' % (b"x" * (port.MAX_MESSAGE_BYTES - 2))
    await ready(bus)

    await bus.publish(port.Letter(desk.WORK, "job.long", "job/1", body))

    assert (await inbox.next()).body == body


async def test_letters_arrive_in_the_order_of_their_publishing(site: Site) -> None:
    bus = await started(site.bus())
    inbox = desk.Inbox()
    bus.subscribe(desk.RECORD, inbox, prefetch=500)
    await ready(bus)

    await asyncio.gather(
        *(bus.publish(desk.job(n) if n % 7 == 0 else desk.event(n)) for n in range(150)),
        *(bus.publish(desk.job(n, alone=False)) for n in range(150, 200)),
    )

    assert desk.numbers(await inbox.take(200)) == list(range(200))


async def test_outcome_that_nobody_asks_for_is_no_error(site: Site) -> None:
    bus = await started(site.bus())
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    bus.publish(port.Letter(desk.CONTROL, "answer.nobody", "answer/1", b"{}"))
    await bus.publish(desk.event(1))
    gc.collect()

    assert complaints == []


async def test_blocked_broker_is_noticed_and_so_is_its_recovery(site: Site) -> None:
    bus = await started(site.bus())
    await bus.publish(desk.job(1))

    await site.block(True)
    try:
        async with asyncio.timeout(1):  # long before the publish would time out
            with pytest.raises((errors.BusUnavailable, errors.OutcomeUnknown)):
                await bus.publish(desk.job(2))
        noticed = not bus.ready
        with pytest.raises(errors.BusUnavailable):
            await bus.publish(desk.job(3))
        with pytest.raises(errors.BusUnavailable):
            await bus.depths((desk.JOBS,))
    finally:
        await site.block(False)
    await ready(bus)

    assert noticed
    await bus.publish(desk.job(4))


async def test_stopping_flushes_what_was_published_before(site: Site) -> None:
    bus, other = await started(site.bus()), await started(site.bus())

    outcomes = [bus.publish(desk.job(number)) for number in range(10)]
    await bus.stop()
    await asyncio.gather(*outcomes)

    assert await other.depths((desk.JOBS,)) == {desk.JOBS: 10}


async def test_stopping_answers_everybody_who_waits(site: Site) -> None:
    bus = await started(site.silent_bus())
    site.silence(bus)

    outcomes = [bus.publish(desk.job(number)) for number in range(5)]
    await bus.stop()
    after = bus.publish(desk.job(6))

    assert not bus.ready
    assert [type(outcome.exception()) for outcome in outcomes] == [errors.OutcomeUnknown] * 5
    assert type(after.exception()) is errors.BusUnavailable


async def test_stopping_twice_and_without_a_start_is_harmless(site: Site) -> None:
    bus, never_started = await started(site.bus()), site.bus()

    await bus.stop()
    await bus.stop()
    await never_started.stop()

    assert not bus.ready


async def test_depths_tell_that_a_queue_or_the_broker_is_away(site: Site) -> None:
    bus, never_started = await started(site.bus()), site.bus()

    with pytest.raises(errors.BusUnavailable):
        await bus.depths(("no.such.queue",))
    with pytest.raises(errors.BusUnavailable):
        await never_started.depths((desk.JOBS,))

    assert await bus.depths((desk.JOBS,)) == {desk.JOBS: 0}
