"""The way out, against a channel that only remembers."""

import asyncio
from typing import Any, cast

import aiormq.exceptions
import pytest
from aiormq.channel import Channel
from pamqp.commands import Basic

from libs.common import errors
from libs.common.bus import port
from libs.common.bus.rabbitmq import packing, publishing


class RememberingChannel:
    """Takes messages; each publish ends with the next of `outcomes`, or waits for `confirm`."""

    def __init__(self, *outcomes: BaseException | None) -> None:
        self.bodies: list[bytes] = []
        self.properties: list[Any] = []
        self.confirm = asyncio.Event()
        self._outcomes = list(outcomes)

    async def basic_publish(self, body: bytes, **arguments: Any) -> None:
        self.bodies.append(body)
        self.properties.append(arguments["properties"])
        if not self._outcomes:
            await self.confirm.wait()
        elif (error := self._outcomes.pop(0)) is not None:
            raise error


def opened(channel: RememberingChannel) -> publishing.Publisher:
    publisher = publishing.Publisher()
    publisher.open(cast("Channel", channel))
    return publisher


def publish(publisher: publishing.Publisher, body: bytes = b"1", **options: Any) -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    publisher.publish(port.Letter("exchange", "key", "job/1", body, **options), future)
    return future


async def test_letters_of_one_turn_share_a_message_and_a_confirm() -> None:
    channel = RememberingChannel(None)
    publisher = opened(channel)

    await asyncio.gather(publish(publisher, b"1"), publish(publisher, b"2"))

    assert [packing.split(body) for body in channel.bodies] == [[b"1", b"2"]]


async def test_message_bears_schema_and_our_id_and_leaves_the_clients_id_alone() -> None:
    channel = RememberingChannel(None)

    await publish(opened(channel), headers={"traceparent": "00-1-2-01"})

    (properties,) = channel.properties
    assert (properties.message_type, properties.content_type, properties.delivery_mode) == (
        "job/1",
        "application/json",
        2,
    )
    assert properties.message_id is None
    assert set(properties.headers) == {"traceparent", publishing.ID_HEADER}


async def test_letter_whose_lease_is_lost_before_the_turn_ends_is_not_sent() -> None:
    channel = RememberingChannel(None)
    publisher, lease = opened(channel), port.Lease()

    lost, other = publish(publisher, b"1", lease=lease), publish(publisher, b"2")
    lease.end()
    await other

    assert type(lost.exception()) is errors.LeaseLost
    assert channel.bodies == [b"[2]"]


@pytest.mark.parametrize(
    ("raised", "outcome"),
    [
        (TimeoutError(), errors.OutcomeUnknown),
        (asyncio.CancelledError(), errors.OutcomeUnknown),  # a hung broker is given up
        (aiormq.exceptions.ChannelInvalidStateError("closed"), errors.OutcomeUnknown),
        (aiormq.exceptions.AMQPConnectionError("gone"), errors.OutcomeUnknown),
        (aiormq.exceptions.DeliveryError(None, Basic.Nack()), errors.Nacked),
    ],
)
async def test_failure_of_a_message_is_the_outcome_of_each_letter(
    raised: BaseException, outcome: type[errors.BusError]
) -> None:
    publisher = opened(RememberingChannel(raised))

    futures = [publish(publisher), publish(publisher)]
    await asyncio.wait(futures)

    assert [type(future.exception()) for future in futures] == [outcome, outcome]


async def test_what_was_sent_is_unknown_and_what_was_not_is_not_when_the_channel_is_lost() -> None:
    channel = RememberingChannel()
    publisher = opened(channel)
    sent = publish(publisher)
    await publisher.busy.wait()

    waiting = publish(publisher)
    publisher.lose("cut")
    after = publish(publisher)
    channel.confirm.set()
    await asyncio.wait({sent, waiting, after})

    outcomes = [type(future.exception()) for future in (sent, waiting, after)]
    assert outcomes == [errors.OutcomeUnknown, errors.BusUnavailable, errors.BusUnavailable]


async def test_publisher_who_no_longer_waits_does_no_harm() -> None:
    channel = RememberingChannel()
    publisher = opened(channel)

    gone, other = publish(publisher), publish(publisher)
    gone.cancel()
    channel.confirm.set()
    await other

    assert gone.cancelled()


async def test_draining_sends_what_waits_and_waits_for_its_confirm() -> None:
    channel = RememberingChannel(None, None)
    publisher = opened(channel)

    future = publish(publisher)
    await publisher.drain()

    assert future.done()
    assert not publisher.busy.is_set()
