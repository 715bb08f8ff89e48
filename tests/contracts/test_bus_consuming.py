"""What the bus promises to whoever consumes."""

import asyncio

from libs.common.bus import port
from libs.common.bus.waiters import Waiters
from tests.contracts import desk
from tests.contracts.sites import Site, ready, started


async def test_delivery_bears_what_was_published(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    await ready(bus)

    await bus.publish(port.Letter(desk.WORK, "job.new", "job/1", b'{"a":[1]}', alone=True))
    delivery = await inbox.next()

    assert delivery.body == b'{"a":[1]}'
    assert (delivery.queue, delivery.exchange, delivery.key) == (desk.JOBS, desk.WORK, "job.new")
    assert delivery.schema == "job/1"
    assert delivery.message_id
    assert delivery.alone
    assert not delivery.redelivered
    assert not delivery.lease.lost


async def test_subscription_made_before_the_start_stands_when_the_bus_is_ready(site: Site) -> None:
    bus, inbox = site.bus(), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    await started(bus)

    await bus.publish(desk.job(1))

    assert desk.numbers([await inbox.next()]) == [1]


async def test_competing_consumers_share_a_queue(site: Site) -> None:
    one, other = await started(site.bus()), await started(site.bus())
    inboxes = desk.Inbox(), desk.Inbox()
    for bus, inbox in zip((one, other), inboxes, strict=True):
        bus.subscribe(desk.JOBS, inbox, prefetch=4)
        await ready(bus)

    await asyncio.gather(*(one.publish(desk.job(number)) for number in range(8)))
    shares = [desk.numbers(await inbox.take(4)) for inbox in inboxes]

    assert sorted(shares[0] + shares[1]) == list(range(8))


async def test_consumer_holds_no_more_messages_than_its_prefetch(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=2)
    await ready(bus)

    for number in range(3):
        await bus.publish(desk.job(number))
    first = await inbox.take(2)
    waiting = await bus.depths((desk.JOBS,))
    await first[0].ack()

    assert waiting == {desk.JOBS: 1}
    assert desk.numbers([await inbox.next()]) == [2]


async def test_single_active_consumer_keeps_order_over_a_fail_over(site: Site) -> None:
    one, other = await started(site.bus()), await started(site.bus())
    active, standby = desk.Inbox(), desk.Inbox()
    one.subscribe(desk.RECORD, active, prefetch=5)
    await ready(one)
    other.subscribe(desk.RECORD, standby, prefetch=50)
    await ready(other)
    for number in range(20):
        await other.publish(desk.event(number))
    held = await active.take(5)
    for delivery in held[:2]:
        await delivery.ack()
    held += await active.take(2)
    passive = standby.empty

    await site.kill(one)
    again = await standby.take(18)

    assert passive
    assert desk.numbers(again) == list(range(2, 20))
    assert [delivery.redelivered for delivery in again][:5] == [True] * 5


async def test_single_active_consumer_that_starts_over_has_everything_again_in_order(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    subscription = bus.subscribe(desk.RECORD, inbox, prefetch=50)
    await ready(bus)
    for number in range(6):
        await bus.publish(desk.event(number))
    held = await inbox.take(6)
    await held[0].ack()

    await subscription.restart()

    assert desk.numbers(await inbox.take(5)) == list(range(1, 6))


async def test_closed_subscription_leaves_what_it_held_to_others(site: Site) -> None:
    one, other = await started(site.bus()), await started(site.bus())
    closing, inbox = desk.Inbox(), desk.Inbox()
    subscription = one.subscribe(desk.JOBS, closing, prefetch=10)
    await ready(one)
    for number in range(4):
        await other.publish(desk.job(number))
    held = await closing.take(4)
    await held[0].ack()
    other.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(other)

    await subscription.close()
    again = await inbox.take(3)

    assert desk.numbers(again) == [1, 2, 3]
    assert held[1].lease.lost
    assert one.ready


async def test_paused_subscription_takes_nothing_new_and_can_settle_what_it_holds(site: Site) -> None:
    one, other = await started(site.bus()), await started(site.bus())
    pausing, inbox = desk.Inbox(), desk.Inbox()
    subscription = one.subscribe(desk.JOBS, pausing, prefetch=1)
    await ready(one)
    await other.publish(desk.job(1))
    held = await pausing.next()

    await subscription.pause()
    await other.publish(desk.job(2))
    lost = held.lease.lost
    await held.ack()
    other.subscribe(desk.JOBS, inbox, prefetch=10)

    assert not lost
    assert desk.numbers([await inbox.next()]) == [2]
    assert pausing.empty
    await site.kill(one)
    await other.publish(desk.job(3))
    assert desk.numbers([await inbox.next()]) == [3]


async def test_letter_for_all_reaches_every_process(site: Site) -> None:
    one = await started(site.bus(desk.own_queue("one")))
    other = await started(site.bus(desk.own_queue("other")))
    inboxes = desk.Inbox(), desk.Inbox()
    one.subscribe("own.one", inboxes[0], prefetch=10)
    other.subscribe("own.other", inboxes[1], prefetch=10)
    await ready(one)
    await ready(other)

    await one.publish(port.Letter(desk.CONTROL, "all", "cancel/1", b"1"))

    assert [(await inbox.next()).body for inbox in inboxes] == [b"1", b"1"]


async def test_answer_reaches_the_one_who_asked(site: Site) -> None:
    asking, serving = await started(site.bus(desk.own_queue("asking"))), await started(site.bus())
    waiters: Waiters[bytes] = Waiters()

    async def serve(delivery: port.Delivery) -> None:
        await serving.publish(port.Letter(desk.CONTROL, "answer.asking", "answer/1", delivery.body))
        await delivery.ack()

    async def receive(delivery: port.Delivery) -> None:
        waiters.resolve(delivery.body.decode(), delivery.body)
        await delivery.ack()

    serving.subscribe(desk.JOBS, serve, prefetch=10)
    asking.subscribe("own.asking", receive, prefetch=10)
    await ready(serving)
    await ready(asking)

    async def ask(number: int) -> bytes:
        with waiters.expect(str(number)) as answer:
            await asking.publish(desk.job(number, alone=False))
            return await asyncio.wait_for(answer, desk.DEADLINE_S)

    answers = await asyncio.gather(*(ask(number) for number in range(20)))

    assert answers == [b"%d" % number for number in range(20)]
    assert len(waiters) == 0


async def test_everything_stands_again_after_a_lost_connection(site: Site) -> None:
    bus, inbox = await started(site.bus()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=10)
    await ready(bus)
    await bus.publish(desk.job(1))
    held = await inbox.next()

    site.cut(bus)
    await held.lease.wait_lost()
    await ready(bus)
    await bus.publish(desk.job(2))
    again = await inbox.take(2)

    assert desk.numbers(again) == [1, 2]
    assert again[0].redelivered
    assert not again[0].lease.lost


async def test_queue_that_went_meanwhile_is_declared_again(site: Site) -> None:
    bus, inbox = await started(site.bus(desk.own_queue("mine"))), desk.Inbox()
    bus.subscribe("own.mine", inbox, prefetch=10)
    await ready(bus)

    async with site.away(bus):
        await desk.until(lambda: not bus.ready)
        await site.delete("own.mine")
    await ready(bus)
    await bus.publish(port.Letter(desk.CONTROL, "answer.mine", "answer/1", b"1"))

    assert (await inbox.next()).body == b"1"
