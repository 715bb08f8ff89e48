"""A gateway, a runner and a debugger as processes: what goes in comes out, and is in the record."""

import asyncio

import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Installation
from tests.acceptance.outside import Outside
from tests.servers.ports import free_port

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


async def test_sync_request_is_answered_with_the_flows_response_and_recorded(installation: Installation) -> None:
    await installation.start_all()
    flow = await installation.save(flows.echo())

    reply = await installation.call(flow, {"n": 21})

    assert (reply.status, reply.json) == (200, {"n": 42})
    run = await installation.ended(reply.run_id)
    assert run["status"] == "success"
    assert run["input"] == {"n": 21}
    assert [(step["ref"], step["status"]) for step in run["steps"]] == [("web1", "success"), ("double", "success")]
    assert run["response"]["body"] == '{"n": 42}'


async def test_async_request_is_answered_at_once_and_its_run_recorded(installation: Installation) -> None:
    await installation.start_all()
    async with Outside() as outside:
        flow = await installation.save(
            flows.flow(flows.webhook(is_async=True), flows.http("ask", f"{outside.url}/slow"))
        )
        outside.hold("/slow")

        reply = await installation.call(flow)

        assert (reply.status, reply.json) == (200, None)
        await outside.asked("/slow")
        outside.release("/slow")
        run = await installation.ended(reply.run_id)
    assert run["status"] == "success"
    assert run["mode"] == "async"
    assert [step["ref"] for step in run["steps"]] == ["web1", "ask"]


async def test_failing_step_answers_its_sender_at_once(installation: Installation) -> None:
    await installation.start_all()
    flow = await installation.save(
        flows.flow(flows.webhook(), {"ref": "bad", "type": "dict", "with": {"x": "{{ web1.not_there }}"}})
    )

    reply = await installation.call(flow, {"n": 1})

    assert reply.status == 500
    assert reply.json["error"] == "flow_error"
    assert "bad" in reply.json["message"]
    assert reply.json["data"] == {"run_id": reply.run_id}
    run = await installation.ended(reply.run_id)
    assert run["error"]["step"] == "bad"
    assert "not_there" in run["error"]["message"]


async def test_slow_flow_times_out_for_its_sender_and_goes_on(installation: Installation) -> None:
    installation.env["FLOWHOOK_SYNC_TIMEOUT_SECONDS"] = "1"
    await installation.start_all()
    async with Outside() as outside:
        flow = await installation.save(flows.flow(flows.webhook(), flows.http("ask", f"{outside.url}/slow")))
        outside.hold("/slow")

        reply = await installation.call(flow)

        assert reply.status == 408
        assert reply.json["data"] == {"run_id": reply.run_id}
        outside.release("/slow")
        assert (await installation.ended(reply.run_id))["status"] == "success"


async def test_two_gateways_give_each_sender_its_own_reply(installation: Installation) -> None:
    await installation.start_all(runners=2)
    second = free_port()
    await installation.start("gateway", FLOWHOOK_GATEWAY_PORT=str(second))
    flow = await installation.save(flows.echo())
    ports = (installation.gateway_port, second)

    replies = await asyncio.gather(
        *(installation.call(flow, {"n": number}, port=ports[number % 2]) for number in range(200))
    )

    assert [reply.json for reply in replies] == [{"n": number * 2} for number in range(200)]
    assert len({reply.run_id for reply in replies}) == 200


async def test_long_wait_is_parked_and_goes_on_afterwards(installation: Installation) -> None:
    await installation.start_all()
    flow = await installation.save(
        flows.flow(
            flows.webhook(is_async=True),
            {"ref": "before", "type": "dict", "with": {"at": "{{ now() }}"}},
            {"ref": "pause", "type": "delay", "with": {"seconds": 2}},
            {"ref": "after", "type": "dict", "with": {"same": "{{ before.at }}"}},
        )
    )

    reply = await installation.call(flow)

    run = await installation.ended(reply.run_id)
    assert run["status"] == "success"
    steps = {step["ref"]: step for step in run["steps"]}
    assert steps["after"]["output"]["same"] == steps["before"]["output"]["at"]
    assert steps["pause"]["duration_ms"] >= 2000
