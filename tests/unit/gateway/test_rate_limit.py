"""The rate limit at the endpoint, over real HTTP."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from libs.common import errors
from services.gateway.config import GatewaySettings
from tests.unit.gateway import samples
from tests.unit.gateway.world import Reply, World

FLOW = samples.flow()


@pytest.fixture
async def strict() -> AsyncIterator[World]:
    """A gateway that admits three requests in five minutes, behind a proxy on this machine."""
    world = World(rate_limit=3, rate_window_seconds=300, trusted_proxies="127.0.0.0/8")
    await world.start()
    world.save(FLOW)
    yield world
    await world.stop()


async def call(world: World, client: str = "192.0.2.7", method: str = "POST") -> Reply:
    return await world.call(FLOW, method, headers={"X-Forwarded-For": client})


async def test_over_its_limit_a_client_is_told_when_to_come_back(strict: World) -> None:
    replies = [await call(strict) for _ in range(5)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    refused = replies[-1]
    assert refused.json["error"] == "rate_limited"
    assert refused.json["status"] == 429
    assert refused.headers["Retry-After"] == str(refused.json["data"]["retry_after"])
    assert 299 <= refused.json["data"]["retry_after"] <= 300
    assert refused.json["message"].endswith(".")
    assert "Flowhook-Run-Id" not in refused.headers
    assert strict.runs.qsize() == 3


async def test_another_client_has_a_limit_of_its_own(strict: World) -> None:
    for _ in range(4):
        await call(strict)

    assert (await call(strict, "192.0.2.8")).status == 200


async def test_the_addresses_of_one_ipv6_network_are_one_client(strict: World) -> None:
    replies = [await call(strict, f"2001:db8:1:2::{n:x}") for n in range(4)]

    assert [reply.status for reply in replies] == [200, 200, 200, 429]


async def test_every_request_counts_valid_or_not_and_over_all_flows(strict: World) -> None:
    target = f"/v1/flow-webhook/{uuid4()}"
    strict.flows.put([target[-36:]], [])
    headers = {"X-Forwarded-For": "192.0.2.7"}

    replies = [
        await strict.send("GET", target, headers=headers),
        await strict.call(FLOW, headers={**headers, "Authorization": "nonsense"}),
        await strict.call(FLOW, headers=headers, data=b"no json"),
        await call(strict),
    ]

    assert [reply.status for reply in replies] == [404, 401, 400, 429]


async def test_another_path_or_method_does_not_count(strict: World) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7"}
    for _ in range(5):
        await strict.send("POST", f"/v1/flow-webhook/{FLOW.id}/", headers=headers)
        await call(strict, method="OPTIONS")

    assert (await call(strict)).status == 200


async def test_every_answer_of_the_endpoint_says_where_the_client_stands(strict: World) -> None:
    replies = [await call(strict, method=method) for method in ("OPTIONS", "POST", "GET", "PUT", "POST")]

    assert {reply.headers["RateLimit-Policy"] for reply in replies} == {'"default";q=3;w=300'}
    assert [reply.headers["RateLimit"].rpartition(";t=")[0] for reply in replies] == [
        f'"default";r={left}' for left in (3, 2, 1, 0, 0)
    ]
    assert all(299 <= int(reply.headers["RateLimit"].rpartition(";t=")[2]) <= 300 for reply in replies)
    assert [reply.status for reply in replies] == [405, 200, 200, 200, 429]


async def test_another_path_says_nothing_about_the_limit(strict: World) -> None:
    assert "RateLimit" not in (await strict.send("GET", "/")).headers


async def test_the_flow_sees_the_client_and_not_the_proxy(strict: World) -> None:
    await call(strict, "203.0.113.9, 192.0.2.7")
    run = await strict.runs.get()

    assert run.request is not None
    assert run.request.ip == "192.0.2.7"


@pytest.mark.parametrize(
    ("name", "value"), [("rate_limit", 0), ("rate_window_seconds", 0), ("trusted_proxies", "here")]
)
def test_a_setting_that_makes_no_sense_is_refused(name: str, value: object) -> None:
    given = {"database_url": "postgresql://h/d", "secret_key": samples.SECRET}

    with pytest.raises(errors.StartError, match=f"FLOWHOOK_{name.upper()}"):
        GatewaySettings.load(**given, **{name: value})
