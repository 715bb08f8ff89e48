"""Runners that are killed, frozen and stopped in the middle of a run."""

import asyncio

import aiohttp
import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation
from tests.acceptance.outside import Outside
from tests.acceptance.processes import eventually

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


async def two_calls(installation: Installation, outside: Outside) -> Flow:
    """Save a flow that calls /one and then /two, which is held."""
    outside.hold("/two")
    return await installation.save(
        flows.flow(
            flows.webhook(is_async=True),
            flows.http("one", f"{outside.url}/one"),
            flows.http("two", f"{outside.url}/two"),
        )
    )


async def test_killed_runners_run_ends_elsewhere_without_repeating_the_first_call(installation: Installation) -> None:
    await installation.start_all()
    async with Outside() as outside:
        flow = await two_calls(installation, outside)
        reply = await installation.call(flow)
        await outside.asked("/two")
        await installation.start("runner")

        installation.of("runner")[0].kill()

        await outside.asked("/two", 2)
        outside.release("/two")
        run = await installation.ended(reply.run_id)
        assert run["status"] == "success"
        assert outside.calls == {"/one": 1, "/two": 2}
    assert run["redelivered"] == 1


async def test_frozen_runner_that_wakes_changes_nothing(installation: Installation) -> None:
    await installation.start_all()
    async with Outside() as outside:
        flow = await two_calls(installation, outside)
        reply = await installation.call(flow)
        await outside.asked("/two")
        frozen = installation.of("runner")[0]
        frozen.freeze()
        await installation.start("runner")
        await outside.asked("/two", 2)
        outside.release("/two")
        before = await installation.ended(reply.run_id)

        frozen.wake()
        await frozen.wait_ready()

        assert await installation.run(reply.run_id) == before
        assert before["status"] == "success"
        assert outside.calls == {"/one": 1, "/two": 2}


async def test_poison_run_is_ended_and_its_neighbours_are_not(installation: Installation) -> None:
    await installation.start_all()
    async with Outside() as outside:
        outside.hold("/kill")
        poison = await installation.save(
            flows.flow(flows.webhook(is_async=True), flows.http("ask", f"{outside.url}/kill"), name="Poison")
        )
        good = await installation.save(flows.echo(is_async=True))
        reply = await installation.call(poison)
        neighbours = [await installation.call(good, {"n": n}) for n in range(5)]

        calls = 0
        while (await installation.run(reply.run_id) or {"status": "queued"})["status"] != "error":
            calls += 1

            async def next_call(wanted: int = calls) -> bool:
                run = await installation.run(reply.run_id)
                return outside.calls["/kill"] >= wanted or bool(run and run["status"] == "error")

            await eventually(next_call, within_s=40, what=f"call {calls}")
            if outside.calls["/kill"] < calls:
                break
            installation.of("runner")[0].kill()
            await installation.start("runner")

        run = await installation.run(reply.run_id)
        assert run["error"]["code"] == "crashed"
        ended = [await installation.ended(neighbour.run_id) for neighbour in neighbours]
        assert {run["status"] for run in ended} == {"success"}


@pytest.mark.parametrize("service", ["runner", "gateway", "debugger"])
async def test_sigterm_under_load_loses_nothing_that_was_accepted(installation: Installation, service: str) -> None:
    await installation.start_all()
    async with Outside() as outside:
        flow = await installation.save(
            flows.flow(flows.webhook(is_async=True), flows.http("ask", f"{outside.url}/call"))
        )
        accepted: list[str] = []
        stop = asyncio.Event()

        async def send() -> None:
            while not stop.is_set():
                try:
                    reply = await installation.call(flow)
                except aiohttp.ClientError:  # a broken connection means that it may have run
                    await asyncio.sleep(0.01)
                    continue
                if reply.status == 200:
                    accepted.append(reply.run_id)

        senders = [asyncio.create_task(send()) for _ in range(8)]
        await outside.asked("/call", 50)
        code = await installation.of(service)[0].terminate()
        await installation.start(service)
        await outside.asked("/call", outside.calls["/call"] + 50)
        stop.set()
        await asyncio.gather(*senders)

        assert code == 0
        runs = await asyncio.gather(*(installation.ended(run_id) for run_id in accepted))
        assert {run["status"] for run in runs} == {"success"}
