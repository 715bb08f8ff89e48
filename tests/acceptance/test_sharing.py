"""Runners share bursts, and a flood of one flow leaves room for the others."""

import re

import aiohttp
import pytest

from libs.common import topology
from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation
from tests.acceptance.outside import Outside
from tests.acceptance.processes import ServiceProcess

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


async def running(runner: ServiceProcess) -> int:
    """Return how many runs a runner executes now, from its metrics."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{runner.admin_port}/metrics") as answer,
    ):
        found = re.search(r"^flowhook_runner_running (\S+)", await answer.text(), re.MULTILINE)
    assert found
    return int(float(found[1]))


async def slow_flow(installation: Installation, outside: Outside) -> Flow:
    """Save an asynchronous flow that calls /slow."""
    return await installation.save(
        flows.flow(flows.webhook(is_async=True), flows.http("slow", f"{outside.url}/slow"), name="Slow")
    )


async def test_burst_of_slow_runs_is_shared_by_all_runners(installation: Installation) -> None:
    await installation.start_all(runners=4)
    async with Outside() as outside:
        outside.hold("/slow")
        flow = await slow_flow(installation, outside)

        for _ in range(32):
            assert (await installation.call(flow)).status == 200

        await outside.asked("/slow", 32)
        shares = [await running(runner) for runner in installation.of("runner")]
        assert sum(shares) == 32
        assert min(shares) >= 4


async def test_flood_of_one_flow_leaves_room_for_another_lane(installation: Installation) -> None:
    installation.env["FLOWHOOK_SHED_MIN_WAITING"] = "10000"  # the flood is to be let in
    await installation.start_all(runners=2)
    async with Outside() as outside:
        outside.hold("/slow")
        flood = await slow_flow(installation, outside)
        other = await another_lane(installation, flood)
        for _ in range(1000):
            assert (await installation.call(flood)).status == 200

        replies = [await installation.call(other, {"n": n}) for n in range(10)]

        runs = [await installation.ended(reply.run_id) for reply in replies]
        assert {run["status"] for run in runs} == {"success"}
        assert outside.calls["/slow"] < 1000


async def another_lane(installation: Installation, flood: Flow) -> Flow:
    """Save flows until one has another lane."""
    while True:
        flow = await installation.save(flows.echo(is_async=True))
        if topology.lane_of(flow.id) != topology.lane_of(flood.id):
            return flow
