"""A gateway on a real broker that is blocked, hangs or dies: a 503 within two seconds, and recovery by itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from libs.common import messages, topology
from libs.common.bus.rabbitmq import RabbitBus
from services.gateway.flows import Flow
from tests.servers.rabbitmq import RabbitServer, let_queues_settle
from tests.unit.gateway import samples
from tests.unit.gateway.world import GATEWAY_ID, Reply, World

pytestmark = pytest.mark.rabbitmq


@asynccontextmanager
async def world_on(broker: RabbitServer) -> AsyncIterator[tuple[World, Flow]]:
    """A gateway with an echoing runner, both connected; and a flow."""
    url = broker.new_url()
    world = World()
    world.bus = RabbitBus(url, topology.TOPOLOGY.with_own(topology.reply_queue(GATEWAY_ID)))
    world.runner_bus = RabbitBus(url, topology.TOPOLOGY)
    await world.start()
    await connected(world)
    yield world, world.save(samples.flow())
    await world.stop()


async def connected(world: World) -> None:
    async with asyncio.timeout(20):
        await world.bus.wait_ready()
        await world.runner_bus.wait_ready()


async def refused_in_time(world: World, flow: Flow) -> Reply:
    async with asyncio.timeout(2):
        reply = await world.call(flow)
    assert (reply.status, reply.json["error"], reply.headers["Retry-After"]) == (503, "unavailable", "2")
    return reply


async def refusals(world: World, count: int) -> set[str]:
    """Return the ids of so many runs that the record is told were refused."""
    ids: set[str] = set()
    async with asyncio.timeout(20):
        while len(ids) < count:
            event = await world.events.get()
            if isinstance(event, messages.Refused):
                ids.add(event.run_id)
    return ids


async def test_a_blocked_broker(own_rabbitmq: RabbitServer) -> None:
    async with world_on(own_rabbitmq) as (world, flow):
        assert (await world.call(flow)).status == 200

        await asyncio.to_thread(own_rabbitmq.set_alarm, True)
        first = await refused_in_time(world, flow)
        second = await refused_in_time(world, flow)
        await asyncio.to_thread(own_rabbitmq.set_alarm, False)
        await connected(world)

        assert (await world.call(flow)).status == 200
        assert "Flowhook-Run-Id" not in second.headers
        assert await refusals(world, 1) == {first.run_id}


async def test_a_hung_and_a_killed_broker(own_rabbitmq: RabbitServer) -> None:
    async with world_on(own_rabbitmq) as (world, flow):
        assert (await world.call(flow)).status == 200
        let_queues_settle()

        os.kill(own_rabbitmq.pid, signal.SIGSTOP)
        hung = await refused_in_time(world, flow)
        os.kill(own_rabbitmq.pid, signal.SIGCONT)
        assert await refusals(world, 1) == {hung.run_id}
        assert (await world.call(flow)).status == 200

        await asyncio.to_thread(own_rabbitmq.kill)
        await refused_in_time(world, flow)
        await asyncio.to_thread(own_rabbitmq.restart)
        await connected(world)

        assert (await world.call(flow)).status == 200
