"""What the memory adapter does beyond the contract of all buses."""

import asyncio
from contextvars import ContextVar

import pytest

from libs.common import errors, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from libs.common.topology import EVENTS, RECORD, RUNS, TOPOLOGY, lane_queue, run_key
from tests.contracts.desk import Inbox


async def connected(broker: MemoryBroker, *own: topology.Queue) -> MemoryBus:
    bus = MemoryBus(broker, own)
    await bus.start()
    return bus


def recorded_broker() -> MemoryBroker:
    return MemoryBroker(TOPOLOGY, confirm_after=frozenset({RECORD}))


def run() -> port.Letter:
    return port.Letter(RUNS, run_key("async", 0), "run/1", b"{}")


async def test_confirm_waits_until_the_recorder_has_acknowledged() -> None:
    bus, record = await connected(recorded_broker()), Inbox()
    bus.subscribe(RECORD, record, prefetch=10)

    confirm = bus.publish(run())
    delivery = await record.next()
    before = confirm.done()
    await delivery.ack()
    await confirm

    assert not before


async def test_work_does_not_wait_for_the_recorder() -> None:
    bus, work = await connected(recorded_broker()), Inbox()
    bus.subscribe(lane_queue("async", 0), work, prefetch=10)

    confirm = bus.publish(run())

    assert (await work.next()).body == b"{}"
    assert not confirm.done()


async def test_letter_that_the_recorder_rejects_is_confirmed_since_it_is_kept_elsewhere() -> None:
    bus, record = await connected(recorded_broker()), Inbox()
    bus.subscribe(RECORD, record, prefetch=10)

    confirm = bus.publish(port.Letter(EVENTS, "step", "event/1", b"{}"))
    await (await record.next()).reject("poison")

    await confirm
    assert await bus.depths((topology.DEAD_EVENTS,)) == {topology.DEAD_EVENTS: 1}


async def test_letter_not_bound_for_the_recorder_is_confirmed_at_once() -> None:
    bus = await connected(recorded_broker())

    await bus.publish(port.Letter(topology.AGAIN, "claimed", "wake/1", b"{}"))

    assert await bus.depths((topology.CLAIMED,)) == {topology.CLAIMED: 1}


async def test_letter_that_the_recorder_never_saw_is_unknown_when_its_publisher_ends() -> None:
    bus = await connected(recorded_broker())

    confirm = bus.publish(run())
    bus.kill()

    with pytest.raises(errors.OutcomeUnknown):
        await confirm


async def test_what_waits_is_kept_while_the_broker_is_away() -> None:
    broker, work = MemoryBroker(TOPOLOGY), Inbox()
    bus = await connected(broker)
    await bus.publish(run())

    broker.down()
    away = bus.ready
    bus.subscribe(lane_queue("async", 0), work, prefetch=10)
    broker.up()

    assert not away
    assert not (await work.next()).redelivered


async def test_handler_does_not_run_in_the_context_of_who_published() -> None:
    run_id: ContextVar[str] = ContextVar("run_id", default="none")
    bus, seen = await connected(MemoryBroker(TOPOLOGY)), asyncio.Queue[str]()

    async def handle(_: port.Delivery) -> None:
        seen.put_nowait(run_id.get())

    bus.subscribe(lane_queue("async", 0), handle, prefetch=10)
    run_id.set("of the publisher")
    await bus.publish(run())

    assert await seen.get() == "none"


async def test_loss_of_everything_counts_as_one_return() -> None:
    broker, work = MemoryBroker(TOPOLOGY), Inbox()
    one, other = await connected(broker), await connected(broker)
    for bus in (one, other):
        bus.subscribe(lane_queue("async", 0), work, prefetch=10)
    await one.publish(run())
    await work.next()

    broker.down()
    broker.up()
    await work.next()
    await asyncio.sleep(0)

    assert work.empty
