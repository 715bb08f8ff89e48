"""What the bus on RabbitMQ does beyond the contract of all buses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aio_pika
import pytest
from yarl import URL

from libs.common import errors, topology
from libs.common.bus import port
from libs.common.bus.rabbitmq import RabbitBus
from tests.contracts import desk
from tests.contracts.sites import ready, started
from tests.servers.ports import free_port
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import RabbitServer, let_queues_settle

pytestmark = pytest.mark.rabbitmq


@asynccontextmanager
async def living(*buses: RabbitBus) -> AsyncIterator[None]:
    """Stop these buses at the end."""
    try:
        yield
    finally:
        for bus in buses:
            await bus.stop()


@asynccontextmanager
async def administrator(url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    """A channel of somebody else."""
    connection = await aio_pika.connect(url)
    async with connection, connection.channel() as channel:
        yield channel


@pytest.fixture
async def wire(amqp_url: str) -> AsyncIterator[Proxy]:
    """A wire to the broker."""
    proxy = Proxy(URL(amqp_url).port or 5672)
    await proxy.start()
    yield proxy
    await proxy.stop()


def bus_of(url: str, declared: topology.Topology = desk.DESK, heartbeat_s: int = 5) -> RabbitBus:
    return RabbitBus(url, declared, heartbeat_s=heartbeat_s, name="test")


async def test_whole_topology_of_the_product_is_taken_by_the_broker(amqp_url: str) -> None:
    declared = topology.TOPOLOGY.with_own(topology.reply_queue("g"), topology.control_queue("r"))
    bus = bus_of(amqp_url, declared)
    async with living(bus):
        await started(bus)

        depths = await bus.depths(tuple(queue.name for queue in declared.queues))

    assert set(depths.values()) == {0}


async def test_queue_with_other_arguments_is_used_as_it_is(amqp_url: str) -> None:
    bus = bus_of(amqp_url)
    async with administrator(amqp_url) as channel, living(bus):
        await channel.declare_queue(desk.JOBS, durable=True, arguments={"x-queue-type": "quorum"})
        await started(bus)

        await bus.publish(desk.job(1))

        assert await bus.depths((desk.JOBS,)) == {desk.JOBS: 1}


async def test_bus_is_not_ready_while_a_binding_cannot_be_made(amqp_url: str) -> None:
    bus, inbox = bus_of(amqp_url), desk.Inbox()
    bus.subscribe(desk.RECORD, inbox, prefetch=1)
    async with living(bus), administrator(amqp_url) as channel:
        for exchange in desk.EXCHANGES:
            await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
        await channel.exchange_delete(desk.CONTROL)
        wrong = await channel.declare_exchange(desk.CONTROL, "fanout", durable=True)
        record = await channel.declare_queue(desk.RECORD, durable=True, arguments=dict(desk.QUEUES[2].arguments))
        await record.bind(desk.EVENTS, "#")
        events = await channel.get_exchange(desk.EVENTS)
        await events.publish(aio_pika.Message(b"[1]", type="event/1"), "happened")

        await bus.start()
        consumed = await inbox.next()
        refused = bus.publish(desk.event(2))
        await wrong.delete()
        await ready(bus)

        assert desk.numbers([consumed]) == [1]
        assert type(refused.exception()) is errors.BusUnavailable


async def test_hosts_are_tried_in_turn(amqp_url: str) -> None:
    nobody = URL(amqp_url).with_port(free_port())
    bus = bus_of(f"{nobody}, {amqp_url}")
    async with living(bus):
        await started(bus)

        await bus.publish(desk.job(1))


async def test_hung_broker_leaves_a_letter_unknown_in_time_and_the_lease_is_lost(amqp_url: str, wire: Proxy) -> None:
    loop = asyncio.get_running_loop()
    bus, inbox = bus_of(str(URL(amqp_url).with_port(wire.port)), heartbeat_s=1), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    async with living(bus):
        await started(bus)
        await bus.publish(desk.job(1))
        held = await inbox.next()

        wire.freeze()
        begun = loop.time()
        with pytest.raises(errors.OutcomeUnknown):
            await bus.publish(desk.event(2, lease=held.lease))
        waited_s = loop.time() - begun
        async with asyncio.timeout(10):
            await held.lease.wait_lost()
        wire.cut()
        await ready(bus)

        assert waited_s < port.PUBLISH_TIMEOUT_S + 0.5
        assert (await inbox.next()).redelivered


async def test_publish_to_an_exchange_that_went_costs_no_lease(amqp_url: str) -> None:
    bus, inbox = bus_of(amqp_url), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    async with living(bus):
        await started(bus)
        await bus.publish(desk.job(1))
        held = await inbox.next()

        with pytest.raises(errors.OutcomeUnknown):
            await bus.publish(port.Letter("no.such.exchange", "key", "job/1", b"1"))
        await desk.until(lambda: not bus.ready)
        await ready(bus)
        await bus.publish(desk.event(2, lease=held.lease))

        assert not held.lease.lost


async def test_queue_deleted_under_its_consumer_is_declared_and_consumed_again(amqp_url: str) -> None:
    bus, inbox = bus_of(amqp_url), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    async with living(bus), administrator(amqp_url) as channel:
        await started(bus)

        await channel.queue_delete(desk.JOBS)
        await desk.until(lambda: not bus.ready)
        await ready(bus)
        await bus.publish(desk.job(1))

        assert desk.numbers([await inbox.next()]) == [1]


async def test_message_that_is_none_of_ours_goes_to_the_dead_letters(amqp_url: str) -> None:
    bus, inbox = bus_of(amqp_url), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=1)
    async with living(bus), administrator(amqp_url) as channel:
        await started(bus)

        exchange = await channel.get_exchange(desk.WORK)
        await exchange.publish(aio_pika.Message(b"not ours"), "job.new")
        await bus.publish(desk.job(1))
        grave = await channel.get_queue(desk.GRAVE)
        async with grave.iterator(no_ack=True, timeout=desk.DEADLINE_S) as messages:
            dead = await anext(messages)

        assert desk.numbers([await inbox.next()]) == [1]
        assert dead.body == b"not ours"


async def test_what_was_held_comes_again_after_the_broker_was_killed(own_rabbitmq: RabbitServer) -> None:
    bus, inbox = bus_of(own_rabbitmq.new_url()), desk.Inbox()
    bus.subscribe(desk.JOBS, inbox, prefetch=10)
    async with living(bus):
        await started(bus)
        for number in range(3):
            await bus.publish(desk.job(number))
        held = await inbox.take(3)
        await asyncio.to_thread(let_queues_settle)

        own_rabbitmq.kill()
        await held[0].lease.wait_lost()
        refused = bus.publish(desk.job(3))
        await asyncio.to_thread(own_rabbitmq.restart)
        await ready(bus)
        again = await inbox.take(3)
        await bus.publish(desk.job(4))

        assert type(refused.exception()) is errors.BusUnavailable
        assert desk.numbers(again) == [0, 1, 2]
        assert all(delivery.redelivered for delivery in again)
        assert desk.numbers([await inbox.next()]) == [4]


async def test_limit_of_deliveries_is_the_one_declared(amqp_url: str) -> None:
    fragile = replace(desk.QUEUES[3], name="twice.v1", bindings=((desk.CONTROL, "twice"),), delivery_limit=2)
    bus, inbox = bus_of(amqp_url, desk.DESK.with_own(fragile)), desk.Inbox()
    grave = desk.Inbox()
    subscription = bus.subscribe("twice.v1", inbox, prefetch=1)
    bus.subscribe(desk.GRAVE, grave, prefetch=1)
    async with living(bus):
        await started(bus)
        await bus.publish(port.Letter(desk.CONTROL, "twice", "job/1", b"1"))

        for _ in range(3):  # a channel that ends counts like a return
            await inbox.next()
            await subscription.restart()

        assert (await grave.next()).body == b"1"
