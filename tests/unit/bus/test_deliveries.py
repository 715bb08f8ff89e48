"""How the letters of one message are settled, against a channel that only remembers."""

import asyncio
import sys
from typing import Any, cast

import aiormq.abc
import aiormq.exceptions
import pytest
from aiormq.channel import Channel
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from libs.common import errors
from libs.common.bus import port
from libs.common.bus.rabbitmq import deliveries
from libs.common.bus.rabbitmq.publishing import ID_HEADER


class RememberingChannel:
    """Keeps what it is told, or, with `lost`, knows nothing any more."""

    def __init__(self, *, lost: bool = False) -> None:
        self.told: list[tuple[str, bool | None]] = []
        self.write_queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        self._lost = lost

    async def basic_ack(self, tag: int, **options: Any) -> None:
        await self._tell("ack", None)

    async def basic_nack(self, tag: int, *, requeue: bool, **options: Any) -> None:
        await self._tell("nack", requeue)

    async def basic_reject(self, tag: int, *, requeue: bool, **options: Any) -> None:
        await self._tell("reject", requeue)

    async def _tell(self, verb: str, requeue: bool | None) -> None:
        if self._lost:
            raise aiormq.exceptions.ChannelInvalidStateError("closed")
        await self.write_queue.put(b"")
        self.write_queue.get_nowait()
        self.told.append((verb, requeue))


class Graveyard:
    """Buries letters, or fails to."""

    def __init__(self, error: errors.BusError | None = None) -> None:
        self.buried: list[bytes] = []
        self._error = error

    async def __call__(self, delivery: deliveries.RabbitDelivery, reason: str) -> None:
        if self._error is not None:
            raise self._error
        self.buried.append(delivery.body)


def unpacked(
    channel: RememberingChannel, body: bytes = b"[1,2,3]", *, bury: Graveyard | None = None
) -> list[deliveries.RabbitDelivery]:
    properties = Basic.Properties(message_type="job/1", headers={ID_HEADER: "m1"})
    message = aiormq.abc.DeliveredMessage(
        delivery=Basic.Deliver("tag", 7, True, "exchange", "key"),
        header=ContentHeader(properties=properties, body_size=len(body)),
        body=body,
        channel=cast("Channel", channel),
    )
    _, letters, fault = deliveries.unpack(
        message, channel=cast("Channel", channel), queue="q", lease=port.Lease(), bury=bury or Graveyard()
    )
    assert fault is None
    return letters


async def test_delivery_tells_where_it_comes_from() -> None:
    (delivery,) = unpacked(RememberingChannel(), b'[{"a":1}]')

    assert (delivery.body, delivery.schema, delivery.message_id) == (b'{"a":1}', "job/1", "m1")
    assert (delivery.queue, delivery.exchange, delivery.key) == ("q", "exchange", "key")
    assert (delivery.alone, delivery.redelivered) == (True, True)


async def test_message_is_acknowledged_once_all_of_it_is() -> None:
    channel = RememberingChannel()
    one, two, three = unpacked(channel)

    await one.ack()
    await three.ack()
    before = list(channel.told)
    await two.ack()

    assert before == []
    assert channel.told == [("ack", None)]


async def test_message_goes_back_when_all_is_settled_and_one_was_given_back() -> None:
    channel = RememberingChannel()
    one, two, three = unpacked(channel)

    await two.give_back()
    await one.ack()
    before = list(channel.told)
    await three.ack()

    assert before == []
    assert channel.told == [("nack", True)]


async def test_letter_is_settled_once() -> None:
    channel = RememberingChannel()
    one, two, _ = unpacked(channel)

    await one.ack()
    await one.give_back()
    await one.reject("twice")
    await two.ack()

    assert channel.told == []


async def test_letter_that_is_alone_is_rejected_by_the_broker() -> None:
    channel, graveyard = RememberingChannel(), Graveyard()
    (delivery,) = unpacked(channel, b"[1]", bury=graveyard)

    await delivery.reject("poison")

    assert channel.told == [("reject", False)]
    assert graveyard.buried == []


async def test_rejected_letter_of_several_is_buried_and_counts_as_acknowledged() -> None:
    channel, graveyard = RememberingChannel(), Graveyard()
    one, two, three = unpacked(channel, bury=graveyard)

    await one.ack()
    await two.reject("poison")
    await three.ack()

    assert graveyard.buried == [b"2"]
    assert channel.told == [("ack", None)]


@pytest.mark.parametrize("error", [errors.BusUnavailable("away"), errors.OutcomeUnknown("silent")])
async def test_letter_that_cannot_be_buried_brings_its_message_back(error: errors.BusError) -> None:
    channel = RememberingChannel()
    one, two, three = unpacked(channel, bury=Graveyard(error))

    await asyncio.gather(one.ack(), two.reject("poison"), three.ack())

    assert channel.told == [("nack", True)]


async def test_settling_on_a_channel_that_has_ended_is_harmless() -> None:
    (delivery,) = unpacked(RememberingChannel(lost=True), b"[1]")

    await delivery.ack()


async def test_settling_waits_no_longer_than_the_lease_for_a_writer_that_takes_nothing() -> None:
    channel = RememberingChannel()
    channel.write_queue.put_nowait(b"full")
    (delivery,) = unpacked(channel, b"[1]")

    settling = asyncio.create_task(delivery.ack())
    await asyncio.sleep(0)
    delivery.lease.end()
    async with asyncio.timeout(5):
        await settling

    assert channel.told == []


async def test_letter_is_kept_by_nobody_but_whoever_works_on_it() -> None:
    (delivery,) = unpacked(RememberingChannel(), b"[1]")

    assert sys.getrefcount(delivery) == 2  # by this name, and by the question


async def test_settling_waits_for_a_writer_that_is_behind() -> None:
    channel = RememberingChannel()
    channel.write_queue.put_nowait(b"full")
    (delivery,) = unpacked(channel, b"[1]")

    settling = asyncio.create_task(delivery.ack())
    await asyncio.sleep(0)
    channel.write_queue.get_nowait()
    async with asyncio.timeout(5):
        await settling

    assert channel.told == [("ack", None)]
