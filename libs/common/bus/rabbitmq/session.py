"""One connection from its beginning to its loss."""

import asyncio
from collections.abc import Callable
from typing import Final

import aio_pika
import aiormq.abc
import structlog
from aiormq.channel import Channel
from yarl import URL

from libs.common.bus.rabbitmq import faults

CONNECT_TIMEOUT_S: Final = 2.0
ANSWER_TIMEOUT_S: Final = 5.0  # what a broker that is well needs for any answer, with much to spare
CLOSE_TIMEOUT_S: Final = 2.0
# The client itself waits two seconds for the broker's good-bye and then closes the socket: it must get so far.
GOODBYE_TIMEOUT_S: Final = 3.0

log = structlog.get_logger(__name__)


async def connect(url: URL, *, heartbeat_s: int, name: str) -> "Session":
    """Return a session with this broker; driver errors if it cannot be had within `CONNECT_TIMEOUT_S`."""
    connection = await aio_pika.connect(
        url.update_query(heartbeat=str(heartbeat_s), name=name), timeout=CONNECT_TIMEOUT_S
    )
    return Session(connection)


class Session:
    """The connection and what it gives: channels, and word of its end.

    The client's own `connection.closed()` never returns after a loss; the `closing` of what lies beneath does.
    """

    def __init__(self, connection: aio_pika.abc.AbstractConnection) -> None:
        assert connection.transport is not None  # what `connect` returns is connected
        self._connection = connection
        self._transport: aiormq.abc.AbstractConnection = connection.transport.connection

    @property
    def lost(self) -> bool:
        """Whether the connection has ended, by whatever cause."""
        return self._transport.is_closed

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Call back once it has ended."""
        self._transport.closing.add_done_callback(lambda _: callback())

    async def channel(self, *, confirms: bool) -> Channel:
        """Return a new channel; with `confirms` a publish that reaches no queue raises."""
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            channel = await self._transport.channel(publisher_confirms=confirms, on_return_raises=confirms)
        assert isinstance(channel, Channel)  # the abstract one lacks `wait`
        return channel

    async def is_blocked(self) -> bool:
        """Tell whether the broker reads nothing from here for the time being. It says so only once it is sent to."""
        try:
            async with asyncio.timeout(0):
                await self._transport.ready()
        except TimeoutError:
            return True
        return False

    async def wait_unblocked(self) -> None:
        """Return when the broker reads again; nothing need be sent for it."""
        await self._transport.ready()

    async def close(self) -> None:
        """Say good-bye; a broker that does not answer is left."""
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self._connection.close()
        except faults.TROUBLE as error:
            faults.pass_on(error)
            log.info("bus_close_unanswered")


def when_closed(channel: Channel, callback: Callable[[], None]) -> None:
    """Call back once the channel has ended, by whatever cause."""
    channel.closing.add_done_callback(lambda _: callback())


async def close_channel(channel: Channel) -> bool:
    """End a channel; tell whether the broker has confirmed it."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await channel.close(None)
    except faults.TROUBLE as error:
        faults.pass_on(error)
        return False
    return True
