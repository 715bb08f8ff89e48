import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.common import messages, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.gateway import notices
from services.gateway.notices import Notices


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker(topology.TOPOLOGY)


@pytest.fixture
async def bus(broker: MemoryBroker) -> AsyncIterator[MemoryBus]:
    bus = MemoryBus(broker)
    await bus.start()
    yield bus
    await bus.stop()


@pytest.fixture
async def recorded(bus: MemoryBus) -> "asyncio.Queue[Any]":
    events: asyncio.Queue[Any] = asyncio.Queue()

    async def record(delivery: port.Delivery) -> None:
        events.put_nowait(messages.decode(delivery.schema, delivery.body))
        await delivery.ack()

    bus.subscribe(topology.RECORD, record, prefetch=10)
    return events


async def test_answers_are_told_together(bus: MemoryBus, recorded: "asyncio.Queue[Any]") -> None:
    told = Notices(bus)
    await told.start()

    told.replied("r1", status=200, reply_ms=3)
    told.replied("r2", status=408, reply_ms=30_000)
    await told.stop()

    async with asyncio.timeout(5):
        assert await recorded.get() == messages.Replied(run_id="r1", status=200, reply_ms=3)
        assert await recorded.get() == messages.Replied(run_id="r2", status=408, reply_ms=30_000)


async def test_a_refusal_waits_for_the_broker(
    broker: MemoryBroker, bus: MemoryBus, recorded: "asyncio.Queue[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "RETRY_S", 0.01)
    told = Notices(bus)
    await told.start()
    broker.down()

    for number in range(40):
        told.refused(f"r{number}")
    await asyncio.sleep(0)
    broker.up()

    async with asyncio.timeout(5):
        events = [await recorded.get() for _ in range(40)]
    assert [event.run_id for event in events] == [f"r{number}" for number in range(40)]
    assert {type(event) for event in events} == {messages.Refused}
    await told.stop()


async def test_what_is_kept_for_the_broker_is_bounded(bus: MemoryBus) -> None:
    told = Notices(bus)

    for number in range(notices.MAX_REFUSED + 5):
        told.refused(f"r{number}")

    assert len(told._refused) == notices.MAX_REFUSED
