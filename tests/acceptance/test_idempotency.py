"""The same request sent twice, through two gateways, to a whole installation."""

import asyncio

import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Installation, Reply
from tests.acceptance.outside import Outside
from tests.acceptance.processes import eventually
from tests.servers.ports import free_port

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]

KEY = "order-7"


def replayed(reply: Reply) -> bool:
    return reply.headers.get("Flowhook-Idempotent-Replay") == "true"


async def second_gateway(installation: Installation) -> int:
    port = free_port()
    await installation.start("gateway", FLOWHOOK_GATEWAY_PORT=str(port))
    return port


async def test_a_hundred_requests_with_one_key_through_two_gateways_run_once(installation: Installation) -> None:
    await installation.start_all()
    ports = (None, await second_gateway(installation))
    flow = await installation.save(flows.echo())

    replies = await asyncio.gather(
        *(installation.call(flow, {"n": 21}, port=ports[n % 2], Idempotency_Key=KEY) for n in range(100))
    )

    assert {(reply.status, str(reply.json), reply.run_id) for reply in replies} == {
        (200, "{'n': 42}", replies[0].run_id)
    }
    assert sum(map(replayed, replies)) == 99
    await installation.ended(replies[0].run_id)
    assert len(await installation.all_runs(flow.id)) == 1


async def test_an_asynchronous_run_that_failed_runs_again_and_a_good_one_does_not(installation: Installation) -> None:
    await installation.start_all()
    bad = {"ref": "bad", "type": "dict", "with": {"x": "{{ web1.not_there }}"}}
    failing = await installation.save(flows.flow(flows.webhook(is_async=True), bad))
    good = await installation.save(flows.echo(is_async=True))

    firsts = [await installation.call(flow, {"n": 1}, Idempotency_Key=KEY) for flow in (failing, good)]
    for first in firsts:
        await installation.ended(first.run_id)
    seconds = [await installation.call(flow, {"n": 1}, Idempotency_Key=KEY) for flow in (failing, good)]

    assert [replayed(reply) for reply in seconds] == [False, True]
    assert seconds[0].run_id != firsts[0].run_id
    assert seconds[1].run_id == firsts[1].run_id


async def test_the_run_of_a_gateway_that_was_killed_is_awaited_and_replayed_by_another(
    installation: Installation,
) -> None:
    await installation.start_all()
    other = await second_gateway(installation)
    async with Outside() as outside:
        outside.hold("/slow")
        flow = await installation.save(
            flows.flow(flows.webhook(body='{"n": {{ web1.n }}}'), flows.http("ask", f"{outside.url}/slow"))
        )
        first = asyncio.create_task(installation.call(flow, {"n": 7}, Idempotency_Key=KEY))
        await outside.asked("/slow")
        (run,) = await eventually(lambda: installation.all_runs(flow.id))
        installation.of("gateway")[0].kill()
        second = asyncio.create_task(installation.call(flow, {"n": 7}, port=other, Idempotency_Key=KEY))
        await asyncio.gather(first, return_exceptions=True)

        outside.release("/slow")
        reply = await second
        again = await installation.call(flow, {"n": 7}, port=other, Idempotency_Key=KEY)

    assert [(one.status, one.json, one.run_id) for one in (reply, again)] == [(200, {"n": 7}, run["id"])] * 2
    assert replayed(reply)
    assert replayed(again)
    assert len(await installation.all_runs(flow.id)) == 1
