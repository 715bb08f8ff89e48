"""A flow that takes requests from some addresses only."""

import pytest

from tests.unit.gateway import samples
from tests.unit.gateway.world import World


@pytest.mark.parametrize("auth", ["token", "none", {"hmac": {"preset": "github", "secrets": ["a"]}}])
async def test_another_address_is_forbidden_before_anything_else_of_the_request_is_looked_at(
    world: World, auth: object
) -> None:
    flow = world.save(samples.flow(saved=samples.document(auth=auth, allow_ips=["203.0.113.0/24"]), status="paused"))

    replies = [await world.call(flow, data=b"x" * 2_000_000), await world.send("GET", f"/v1/flow-webhook/{flow.id}")]

    assert [(reply.status, reply.json["error"]) for reply in replies] == [(403, "forbidden")] * 2
    assert world.runs.empty()


async def test_an_address_of_the_list_still_needs_its_token(world: World) -> None:
    flow = world.save(samples.flow(saved=samples.document(allow_ips=["203.0.113.0/24", "127.0.0.0/8"])))

    assert (await world.call(flow)).status == 200
    assert (await world.send("GET", f"/v1/flow-webhook/{flow.id}")).status == 401


async def test_an_address_counts_as_trusted_proxies_tell_it() -> None:
    world = World(trusted_proxies="127.0.0.0/8")
    await world.start()
    try:
        flow = world.save(samples.flow(saved=samples.document(allow_ips=["203.0.113.0/24"])))

        inside = await world.call(flow, headers={"X-Forwarded-For": "203.0.113.7"})
        outside = await world.call(flow, headers={"X-Forwarded-For": "203.0.113.7, 198.51.100.1"})
    finally:
        await world.stop()

    assert (inside.status, outside.status) == (200, 403)
