"""What the contract tests need of a place with a broker: buses, and ways to break what is between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from yarl import URL

from libs.common import topology
from libs.common.bus import memory, port, rabbitmq
from tests.contracts import desk
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import RabbitServer


class Site(Protocol):
    """A broker with the desk's topology. All buses that it gives are stopped at the end."""

    def bus(self, *own: topology.Queue) -> port.Bus:
        """Return a new bus, not started."""

    def silent_bus(self) -> port.Bus:
        """Return a new bus; after `silence` it gets no confirm."""

    def silence(self, bus: port.Bus) -> None:
        """Withhold from a silent bus what the broker answers."""

    async def kill(self, bus: port.Bus) -> None:
        """End a bus as a process does that is killed."""

    def cut(self, bus: port.Bus) -> None:
        """End the connection of a bus that lives on."""

    def away(self, bus: port.Bus) -> AbstractAsyncContextManager[None]:
        """Keep the broker out of reach of this bus."""

    async def delete(self, queue: str) -> None:
        """Delete a queue, as its expiry does."""

    async def block(self, on: bool) -> None:
        """Let the broker take no messages, or take them again."""

    async def close(self) -> None:
        """End everything."""


async def started(bus: port.Bus) -> port.Bus:
    """Start a bus and return it when it is ready."""
    await bus.start()
    await ready(bus)
    return bus


async def ready(bus: port.Bus) -> None:
    """Return when a bus is ready."""
    async with asyncio.timeout(desk.DEADLINE_S):
        await bus.wait_ready()


class MemorySite:
    """The broker object of one process."""

    def __init__(self) -> None:
        self._broker = memory.MemoryBroker(desk.DESK)
        # A confirm that waits for a consumer, where there is none, is one that does not come.
        self._silent = memory.MemoryBroker(desk.DESK, confirm_after=frozenset({desk.RECORD}))
        self._buses: list[memory.MemoryBus] = []

    def bus(self, *own: topology.Queue) -> port.Bus:
        return self._add(memory.MemoryBus(self._broker, own))

    def silent_bus(self) -> port.Bus:
        return self._add(memory.MemoryBus(self._silent))

    def silence(self, bus: port.Bus) -> None:
        """It always is."""

    async def kill(self, bus: port.Bus) -> None:
        assert isinstance(bus, memory.MemoryBus)
        bus.kill()

    def cut(self, bus: port.Bus) -> None:
        for broker in (self._broker, self._silent):
            broker.down()
            broker.up()

    @asynccontextmanager
    async def away(self, bus: port.Bus) -> AsyncIterator[None]:
        self._broker.down()
        yield
        self._broker.up()

    async def delete(self, queue: str) -> None:
        self._broker.delete(queue)

    async def block(self, on: bool) -> None:
        if on:
            self._broker.block()
        else:
            self._broker.unblock()

    async def close(self) -> None:
        for bus in self._buses:
            bus.kill()

    def _add(self, bus: memory.MemoryBus) -> memory.MemoryBus:
        self._buses.append(bus)
        return bus


class RabbitSite:
    """A virtual host of a real broker; each bus has a wire of its own that can be cut."""

    def __init__(self, server: RabbitServer) -> None:
        self._server = server
        self._url = URL(server.new_url())
        self._wires: dict[rabbitmq.RabbitBus, Proxy] = {}
        self._free: list[Proxy] = []

    async def prepare(self, wires: int = 3) -> None:
        """Lay the wires."""
        for _ in range(wires):
            wire = Proxy(self._url.port or 5672)
            await wire.start()
            self._free.append(wire)

    def bus(self, *own: topology.Queue) -> port.Bus:
        wire = self._free.pop()
        url = str(self._url.with_port(wire.port))
        bus = rabbitmq.RabbitBus(url, desk.DESK.with_own(*own), heartbeat_s=5, name="contract")
        self._wires[bus] = wire
        return bus

    def silent_bus(self) -> port.Bus:
        return self.bus()

    def silence(self, bus: port.Bus) -> None:
        self._wire(bus).withhold_answers()

    async def kill(self, bus: port.Bus) -> None:
        self._wire(bus).cut(admit=False)
        await bus.stop()

    def cut(self, bus: port.Bus) -> None:
        self._wire(bus).cut()

    @asynccontextmanager
    async def away(self, bus: port.Bus) -> AsyncIterator[None]:
        self._wire(bus).cut(admit=False)
        yield
        self._wire(bus).admit()

    async def delete(self, queue: str) -> None:
        await asyncio.to_thread(self._server.ctl, "delete_queue", "-p", self._url.path[1:], queue)

    async def block(self, on: bool) -> None:
        await asyncio.to_thread(self._server.set_alarm, on)

    async def close(self) -> None:
        for bus in self._wires:
            await bus.stop()
        for wire in (*self._wires.values(), *self._free):
            await wire.stop()

    def _wire(self, bus: port.Bus) -> Proxy:
        assert isinstance(bus, rabbitmq.RabbitBus)
        return self._wires[bus]
