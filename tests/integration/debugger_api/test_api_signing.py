"""A signed flow through the API: its secrets are kept, and shown nowhere."""

from typing import Any

import pytest

from libs.common import messages
from services.debugger import flow_queries
from tests.integration.debugger_api.world import World, flow

pytestmark = pytest.mark.postgres

SECRET = "a-literal-secret"


def signed(*secrets: str, preset: str = "github", **changes: Any) -> dict[str, Any]:
    auth = {"hmac": {"preset": preset, "secrets": list(secrets)}}
    return flow(steps=[{"ref": "web1", "type": "webhook", "with": {"auth": auth}}], **changes)


async def kept(world: World, flow_id: str) -> str:
    found = await world.flows.find(flow_id)
    assert found is not None
    return found.document


@pytest.mark.parametrize("accept", ["application/json", "application/yaml"])
async def test_a_secret_is_masked_wherever_the_document_is_shown(world: World, accept: str) -> None:
    headers = {"Accept": accept}
    created = await world.ask("POST", "/v1/flows", signed(SECRET), headers=headers)
    path = created.headers["Location"]

    replies = [
        created,
        await world.ask("PUT", path, signed(SECRET), headers=headers),
        await world.ask("PATCH", path, {"name": "Renamed"}, headers=headers),
        await world.ask("GET", path, headers=headers),
        await world.ask("GET", f"{path}/versions/1", headers=headers),
        await world.ask("GET", f"{path}/versions/3", headers=headers),
        await world.ask("GET", f"{path}/settings"),
        await world.ask("GET", "/v1/flows"),
    ]

    assert all(reply.status in (200, 201) for reply in replies)
    assert not any(SECRET in reply.text for reply in replies)
    assert all("***" in reply.text for reply in replies[:6])
    assert replies[6].json["webhook_token"] is None
    assert SECRET in await kept(world, path.rpartition("/")[2])


@pytest.mark.parametrize("accept", ["application/json", "application/yaml"])
async def test_what_was_read_can_be_sent_back_and_keeps_the_secret(world: World, accept: str) -> None:
    made = await world.save(signed(SECRET))
    path = f"/v1/flows/{made['id']}"
    shown = await world.ask("GET", path, headers={"Accept": accept})

    saved = await world.ask("PUT", path, shown.text, headers={"Content-Type": accept})

    assert (saved.status, saved.json["version"]) == (200, 2)
    assert SECRET in await kept(world, made["id"])


async def test_a_patch_keeps_the_secret(world: World) -> None:
    made = await world.save(signed(SECRET))

    await world.ask("PATCH", f"/v1/flows/{made['id']}", {"settings": {"retries": False}})

    assert SECRET in await kept(world, made["id"])


async def test_a_mask_of_nothing_is_refused(world: World) -> None:
    made = await world.save(flow())

    replies = [
        await world.ask("POST", "/v1/flows", signed("***")),
        await world.ask("PUT", f"/v1/flows/{made['id']}", signed("***")),
    ]

    assert [(reply.status, reply.faults) for reply in replies] == [(422, ["steps[0].with.auth.hmac.secrets[0]"])] * 2


async def test_a_kept_secret_that_is_none_of_another_preset_is_refused(world: World) -> None:
    made = await world.save(signed("no base64!"))

    reply = await world.ask("PUT", f"/v1/flows/{made['id']}", signed("***", preset="standard_webhooks"))

    assert (reply.status, reply.faults) == (422, ["steps[0].with.auth.hmac"])
    assert "no base64!" not in reply.text


async def test_what_travels_to_runners_has_no_secret(world: World) -> None:
    made = await world.save(signed(SECRET))
    query = messages.FlowQuery(query_id="q", runner_id="r", flow_id=made["id"], version=None)

    found = await flow_queries.answer(world.flows, query)

    assert b'"secrets":["***"]' in bytes(found.document)
