"""What the bus promises about what is in hand: leases, settling, what comes again and what is given up."""

import asyncio

import pytest

from libs.common import errors
from libs.common.bus import port
from tests.contracts import desk
from tests.contracts.sites import Site, ready, started


async def test_what_a_lost_consumer_held_comes_again_to_another(site: Site) -> None:
    one, other = await started(site.bus()), await started(site.bus())
    lost, inbox = desk.Inbox(), desk.Inbox()
    one.subscribe(desk.JOBS, lost, prefetch=10)
    await ready(one)
    for number in range(3):
        await other.publish(desk.job(number))
    held = await lost.take(3)
    await held[0].ack()
    other.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(other)

    await site.kill(one)
    again = await inbox.take(2)

    assert desk.numbers(again) == [1, 2]
    assert [delivery.redelivered for delivery in again] == [True, True]
    assert [delivery.message_id for delivery in again] == [delivery.message_id for delivery in held[1:]]
    assert all(delivery.lease.lost for delivery in held)


async def test_settling_after_the_loss_does_nothing(site: Site) -> None:
    one, other = await started(site.bus()), await started(site.bus())
    lost, inbox = desk.Inbox(), desk.Inbox()
    one.subscribe(desk.JOBS, lost, prefetch=10)
    await ready(one)
    await asyncio.gather(*(other.publish(desk.job(number)) for number in range(3)))
    held = await lost.take(3)
    await site.kill(one)

    await held[0].ack()
    await held[1].give_back()
    await held[2].reject("too late")
    other.subscribe(desk.JOBS, inbox, prefetch=10)

    assert desk.numbers(await inbox.take(3)) == [0, 1, 2]
    assert await other.depths((desk.GRAVE,)) == {desk.GRAVE: 0}


async def test_nothing_is_published_for_a_lease_that_is_lost(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    subscription = bus.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(bus)
    await bus.publish(desk.job(1))
    first = await inbox.next()

    await subscription.restart()
    again = await inbox.next()

    with pytest.raises(errors.LeaseLost):
        await bus.publish(desk.event(2, lease=first.lease))
    await bus.publish(desk.event(3, lease=again.lease))
    assert again.redelivered
    assert await bus.depths((desk.RECORD,)) == {desk.RECORD: 2}


async def test_loss_of_a_lease_is_told(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(bus)
    await bus.publish(desk.job(1))
    lease = (await inbox.next()).lease
    told = asyncio.Event()
    lease.on_lost(told.set)

    site.cut(bus)

    async with asyncio.timeout(desk.DEADLINE_S):
        await lease.wait_lost()
        await told.wait()


async def test_letter_delivered_too_often_goes_to_the_dead_letters(site: Site) -> None:
    bus, inbox, grave = await started(site.bus()), desk.Inbox(), desk.Inbox()
    bus.subscribe(desk.FRAGILE, inbox, prefetch=1)
    bus.subscribe(desk.GRAVE, grave, prefetch=1)
    await ready(bus)
    await bus.publish(port.Letter(desk.CONTROL, "fragile", "job/1", b"7", alone=True))

    first = await inbox.next()
    await first.give_back()
    second = await inbox.next()
    await second.give_back()
    dead = await grave.next()

    assert (first.redelivered, second.redelivered) == (False, True)
    assert (dead.body, dead.schema, dead.message_id) == (b"7", "job/1", first.message_id)
    assert inbox.empty


async def test_rejected_letter_goes_to_the_dead_letters(site: Site) -> None:
    bus, inbox, grave = await started(site.bus()), desk.Inbox(), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    bus.subscribe(desk.GRAVE, grave, prefetch=1)
    await ready(bus)
    await bus.publish(desk.job(5))

    await (await inbox.next()).reject("unreadable")
    dead = await grave.next()

    assert (dead.body, dead.schema, dead.exchange, dead.key) == (b"5", "job/1", desk.DEAD, "grave")
    assert await bus.depths((desk.JOBS,)) == {desk.JOBS: 0}


async def test_letters_of_one_message_are_settled_one_by_one(site: Site) -> None:
    bus, other, inbox = await started(site.bus()), await started(site.bus()), desk.Inbox()
    subscription = bus.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(bus)
    await asyncio.gather(*(bus.publish(desk.job(number, alone=False)) for number in range(5)))
    held = await inbox.take(5)

    for delivery in held[:4]:
        await delivery.ack()
    await subscription.close()
    again = desk.Inbox()
    other.subscribe(desk.JOBS, again, prefetch=10)
    await desk.until(lambda: 4 in desk.numbers(again.seen))
    for delivery in again.rest():
        assert delivery.redelivered
        await delivery.ack()

    assert await other.depths((desk.JOBS,)) == {desk.JOBS: 0}


async def test_letter_of_a_message_that_is_given_back_comes_again(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(bus)
    await asyncio.gather(*(bus.publish(desk.job(number, alone=False)) for number in range(3)))
    held = await inbox.take(3)

    await held[0].ack()
    await held[1].give_back()
    await held[2].ack()
    await desk.until(lambda: 1 in desk.numbers(inbox.seen[3:]))
    again = next(delivery for delivery in inbox.seen[3:] if delivery.body == b"1")

    assert again.redelivered
    assert again.message_id == held[1].message_id


async def test_rejected_letter_of_a_message_goes_alone(site: Site) -> None:
    bus, inbox, grave = await started(site.bus()), desk.Inbox(), desk.Inbox()
    subscription = bus.subscribe(desk.JOBS, inbox, prefetch=10)
    bus.subscribe(desk.GRAVE, grave, prefetch=10)
    await ready(bus)
    await asyncio.gather(*(bus.publish(desk.job(number, alone=False)) for number in range(3)))
    held = await inbox.take(3)

    await held[0].ack()
    await held[1].reject("unreadable")
    await held[2].ack()
    dead = await grave.next()
    await subscription.close()

    assert (dead.body, dead.schema, dead.alone) == (b"1", "job/1", True)
    assert grave.empty
    assert await bus.depths((desk.JOBS,)) == {desk.JOBS: 0}


async def test_failing_handler_gives_its_letter_back(site: Site) -> None:
    bus, seen = await started(site.bus()), desk.Inbox()

    async def fail_once(delivery: port.Delivery) -> None:
        await seen(delivery)
        if not delivery.redelivered:
            raise ValueError("a fault of the handler")
        await delivery.ack()

    bus.subscribe(desk.JOBS, fail_once, prefetch=1)
    await ready(bus)
    await bus.publish(desk.job(1))

    assert [delivery.redelivered for delivery in await seen.take(2)] == [False, True]


async def test_letter_goes_on_when_its_time_in_a_queue_is_up(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    await ready(bus)

    await bus.publish(port.Letter(desk.CONTROL, "later", "job/1", b"9"))
    delivery = await inbox.next()

    assert (delivery.body, delivery.schema, delivery.key) == (b"9", "job/1", "job.due")
