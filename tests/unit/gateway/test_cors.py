"""Web pages of other origins: who may call a flow from a browser, and what of the answer they may read."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from libs.common import errors
from libs.common.flow import document
from tests.unit.gateway import samples
from tests.unit.gateway.world import Reply, World

PAGE = (Path(__file__).parents[3] / "docs/reference/webhook-endpoint.md").read_text(encoding="utf-8")
SHOP = "https://shop.example"
ORIGINS = [SHOP, "http://localhost:3000"]
ALLOWED = "Access-Control-Allow-Origin"


def webhook(**cors: Any) -> Any:
    return samples.flow(saved=samples.document(auth="none", cors=cors))


async def ask(world: World, flow: Any, origin: str) -> Reply:
    """Send what a browser sends before it sends a request."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return await world.send("OPTIONS", f"/v1/flow-webhook/{flow.id}", headers=headers)


async def test_browser_that_asks_is_told_what_pages_may_send(world: World) -> None:
    flow = world.save(webhook(origins=ORIGINS, headers=["X-Shop"], max_age=60))

    reply = await ask(world, flow, SHOP)

    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers[ALLOWED] == SHOP
    assert reply.headers["Vary"] == "Origin"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, POST, PUT, PATCH, DELETE"
    assert reply.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, Idempotency-Key, X-Shop"
    assert reply.headers["Access-Control-Max-Age"] == "60"
    assert world.runs.empty()


@pytest.mark.parametrize("origin", ["https://other.example", "http://shop.example", "null", SHOP + ".other.example"])
async def test_page_of_another_origin_may_not_call(world: World, origin: str) -> None:
    flow = world.save(webhook(origins=ORIGINS))

    reply = await ask(world, flow, origin)

    assert (reply.status, reply.json["error"]) == (403, "forbidden")
    assert ALLOWED not in reply.headers
    assert reply.headers["Vary"] == "Origin"


async def test_flow_without_it_takes_no_options(world: World) -> None:
    flow = world.save(samples.flow())

    reply = await ask(world, flow, SHOP)

    assert (reply.status, reply.json["error"]) == (405, "method_not_allowed")
    assert ALLOWED not in reply.headers


async def test_options_that_asks_nothing_is_another_method(world: World) -> None:
    flow = world.save(webhook(origins=["*"]))

    reply = await world.send("OPTIONS", f"/v1/flow-webhook/{flow.id}", headers={"Origin": SHOP})

    assert (reply.status, reply.json["error"]) == (405, "method_not_allowed")


async def test_answer_may_be_read_with_its_headers(world: World) -> None:
    flow = world.save(webhook(origins=ORIGINS))

    reply = await world.call(flow, data=b'{"a": 1}', headers={"Origin": SHOP})

    assert reply.json == {"a": 1}
    assert reply.headers[ALLOWED] == SHOP
    assert reply.headers["Vary"] == "Origin"
    assert {"Flowhook-Run-Id", "RateLimit", "RateLimit-Policy", "Retry-After"} <= set(
        reply.headers["Access-Control-Expose-Headers"].split(", ")
    )


async def test_answer_for_every_page_is_the_same_for_all(world: World) -> None:
    flow = world.save(webhook(origins=["*"]))

    reply = await world.call(flow, headers={"Origin": SHOP})

    assert reply.headers[ALLOWED] == "*"
    assert "Vary" not in reply.headers


async def test_sender_that_is_no_page_is_served_as_ever(world: World) -> None:
    flow = world.save(webhook(origins=ORIGINS))

    reply = await world.call(flow)

    assert reply.status == 200
    assert ALLOWED not in reply.headers
    assert reply.headers["Vary"] == "Origin"


async def test_error_of_the_flow_may_be_read_too(world: World) -> None:
    flow = world.save(samples.flow(saved=samples.document(cors={"origins": ORIGINS})))

    reply = await world.call(flow, headers={"Origin": SHOP, "Authorization": "Bearer wrong"})

    assert reply.status == 401
    assert reply.headers[ALLOWED] == SHOP


async def test_asking_counts_as_a_request() -> None:
    world = World(rate_limit=1)
    await world.start()
    flow = world.save(webhook(origins=["*"]))

    replies = [await ask(world, flow, SHOP) for _ in range(2)]

    await world.stop()
    assert [reply.status for reply in replies] == [204, 429]


@pytest.mark.parametrize(
    ("cors", "path"),
    [
        ({}, "origins"),
        ({"origins": []}, "origins"),
        ({"origins": "*"}, "origins"),
        ({"origins": ["https://shop.example/"]}, "origins[0]"),
        ({"origins": ["shop.example"]}, "origins[0]"),
        ({"origins": ["https://*.example"]}, "origins[0]"),
        ({"origins": ["*"], "headers": ["a b"]}, "headers[0]"),
        ({"origins": ["*"], "headers": ["*"]}, "headers[0]"),
        ({"origins": ["*"], "max_age": -1}, "max_age"),
        ({"origins": ["*"], "credentials": True}, "credentials"),
    ],
)
def test_what_cannot_be_meant_is_a_fault(cors: dict[str, Any], path: str) -> None:
    step = {"ref": "web1", "type": "webhook", "with": {"cors": cors}}
    source = msgspec.json.encode({"name": "A flow", "steps": [step]})

    with pytest.raises(errors.InvalidFlow) as caught:
        document.load(source, media="json")

    assert [fault.path for fault in caught.value.faults] == [f"steps[0].with.cors.{path}"]


def test_the_example_of_the_reference_can_be_saved() -> None:
    section = PAGE.partition("## Calls from web pages")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```yaml\n(.*?)```", section, flags=re.DOTALL)

    document.load(f"name: An example\nsteps:\n{example}", media="yaml")
