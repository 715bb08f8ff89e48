"""The bus ends when it is told to, whatever the client makes of being cancelled."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from libs.common import topology
from libs.common.bus.rabbitmq import RabbitBus, faults, session

DEADLINE_S = 5


async def never(reached: asyncio.Event) -> None:
    """Wait until cancelled, then fail as the client does when it takes the cancellation for a broken connection."""
    reached.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise ConnectionResetError("cut") from None


class Broken:
    """A connection that takes no channel, and whose end keeps the cancellation to itself."""

    lost = False

    def __init__(self, closing: asyncio.Event) -> None:
        self._closing = closing

    def when_lost(self, callback: Callable[[], None]) -> None:
        pass

    async def channel(self, *, confirms: bool) -> None:
        raise ConnectionResetError("cut")

    async def close(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            await never(self._closing)


@pytest.mark.parametrize("where", ["connect", "close"])
async def test_cancellation_that_the_client_swallows_ends_the_bus_all_the_same(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    reached = asyncio.Event()

    async def connect(*_: object, **__: object) -> Broken:
        if where == "connect":
            await never(reached)
        return Broken(reached)

    monkeypatch.setattr(session, "connect", connect)
    bus = RabbitBus("amqp://broker/", topology.TOPOLOGY)
    await bus.start()
    await reached.wait()

    async with asyncio.timeout(DEADLINE_S):
        await bus.stop()


async def test_error_after_a_cancellation_passes_the_cancellation_on() -> None:
    async def work() -> None:
        try:
            await never(asyncio.Event())
        except ConnectionResetError as error:
            faults.pass_on(error)

    faults.pass_on(OSError("nobody cancelled"))
    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
