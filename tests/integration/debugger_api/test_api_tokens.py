"""Personal access tokens: made, listed, revoked, made anew."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.debugger_api.world import NOBODY, Reply, World

pytestmark = pytest.mark.postgres

PATH = "/v1/personal-access-tokens"


async def make(world: World, **changes: Any) -> Any:
    body = {"expiration": None, "scopes": ["automation.view"], "note": "for a test", **changes}
    reply = await world.ask("POST", PATH, body)
    assert reply.status == 201, reply.text
    return reply.json


async def ask_with(world: World, text: str, path: str = "/v1/flows") -> Reply:
    return await world.ask("GET", path, scope=None, headers={"Authorization": f"Bearer {text}"})


async def test_a_token_is_made_shown_once_and_opens_what_its_scopes_say(world: World) -> None:
    made = await make(world, scopes=["automation:view", "automation.view"], note="CI ✓")

    assert made.keys() == {"id", "token", "expiration", "note", "last_used", "scopes"}
    assert (made["scopes"], made["note"]) == (["automation.view"], "CI ✓")
    assert (made["expiration"], made["last_used"]) == (None, None)
    assert (await ask_with(world, made["token"])).status == 200
    listed = await world.ask("GET", PATH)
    assert made["token"] not in listed.text
    row = await world.pool.fetchval("select t::text from personal_access_tokens t where id = $1", made["id"])
    assert made["token"] not in row


async def test_the_list_is_newest_first_in_pages_and_tells_of_the_last_use(world: World) -> None:
    made = [await make(world, note=str(number)) for number in range(3)]
    await ask_with(world, made[0]["token"])

    first = (await world.ask("GET", f"{PATH}?limit=2")).json
    second = (await world.ask("GET", f"{PATH}?limit=2&cursor={first['next_cursor']}")).json
    everything = (await world.ask("GET", PATH)).json

    assert [item["note"] for item in [*first["items"], *second["items"]]][:3] == ["2", "1", "0"]
    assert second["items"][0]["last_used"] is not None
    assert all(item.keys() == {"id", "expiration", "note", "last_used", "scopes"} for item in everything["items"])
    assert everything["next_cursor"] is None


async def test_a_token_ends_after_so_many_days(world: World) -> None:
    made = await make(world, expiration=30)

    ends = datetime.fromisoformat(made["expiration"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)
    await world.pool.execute("update personal_access_tokens set expires_at = now() where id = $1", made["id"])
    assert (await ask_with(world, made["token"])).status == 401


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, ["scopes"]),
        ({"scopes": []}, ["scopes"]),
        ({"scopes": "automation"}, ["scopes"]),
        ({"scopes": ["automation", "company"]}, ["scopes[1]"]),
        ({"scopes": ["automation.Manage"]}, ["scopes[0]"]),
        ({"scopes": ["automation"], "note": "x" * 256}, ["note"]),
        ({"scopes": ["automation"], "note": "\x00"}, ["note"]),
        ({"scopes": ["automation"], "note": None}, ["note"]),
        ({"scopes": ["automation"], "expiration": 0}, ["expiration"]),
        ({"scopes": ["automation"], "expiration": 3651}, ["expiration"]),
        ({"scopes": ["automation"], "expiration": 1.5}, ["expiration"]),
        ({"scopes": ["automation"], "expiration": True}, ["expiration"]),
        ({"scopes": ["automation"], "token": "fh_pat_mine"}, ["token"]),
        ({"scopes": ["x"], "note": 1, "expiration": "1"}, ["expiration", "scopes[0]", "note"]),
    ],
)
async def test_a_body_with_faults_makes_nothing_and_lists_them_all(
    world: World, body: dict[str, Any], faults: list[str]
) -> None:
    reply = await world.ask("POST", PATH, body)

    assert (reply.status, reply.json["error"]) == (422, "invalid_request")
    assert reply.faults == faults


@pytest.mark.parametrize("note", ["", "x" * 255, "ü" * 255])
async def test_a_note_may_have_255_characters(world: World, note: str) -> None:
    assert (await make(world, note=note))["note"] == note


async def test_a_revoked_token_opens_nothing_and_is_gone(world: World) -> None:
    made = await make(world)

    reply = await world.ask("DELETE", f"{PATH}/{made['id']}")

    assert (reply.status, reply.text) == (204, "")
    assert (await ask_with(world, made["token"])).status == 401
    assert (await world.ask("DELETE", f"{PATH}/{made['id']}")).status == 404


async def test_a_token_made_anew_ends_the_old_text_and_keeps_the_rest(world: World) -> None:
    made = await make(world, expiration=30)
    await ask_with(world, made["token"])

    reply = await world.ask("POST", f"{PATH}/{made['id']}/regenerate")

    new = reply.json
    assert reply.status == 201
    assert new == {**made, "token": new["token"]}
    assert (await ask_with(world, made["token"])).status == 401
    assert (await ask_with(world, new["token"])).status == 200


async def test_a_token_made_anew_may_get_another_end(world: World) -> None:
    made = await make(world, expiration=30)
    path = f"{PATH}/{made['id']}/regenerate"

    later = (await world.ask("POST", path, {"expiration": 60})).json
    never = (await world.ask("POST", path, {"expiration": None})).json

    assert later["expiration"] > made["expiration"]
    assert never["expiration"] is None
    assert (await world.ask("POST", path, {"expiration": 0})).faults == ["expiration"]


async def test_a_token_that_has_run_out_is_made_anew_with_a_new_end_only(world: World) -> None:
    made = await make(world, expiration=30)
    await world.pool.execute("update personal_access_tokens set expires_at = now() where id = $1", made["id"])
    path = f"{PATH}/{made['id']}/regenerate"

    assert (await world.ask("POST", path)).faults == ["expiration"]
    new = (await world.ask("POST", path, {"expiration": 1})).json

    assert (await ask_with(world, new["token"])).status == 200


@pytest.mark.parametrize("token_id", [NOBODY, "not-an-id"])
async def test_a_token_that_is_not_there_is_404(world: World, token_id: str) -> None:
    for method, path in (("DELETE", f"{PATH}/{token_id}"), ("POST", f"{PATH}/{token_id}/regenerate")):
        assert (await world.ask(method, path)).status == 404


async def test_nobody_gets_a_token_that_permits_more_than_their_own(world: World) -> None:
    strong = await make(world, scopes=["automation"])

    def made_by_manage(*scopes: str) -> Any:
        return world.ask("POST", PATH, {"scopes": list(scopes)}, scope="automation.manage")

    refused = [
        await made_by_manage("automation"),
        await made_by_manage("automation.view", "automation"),
        await world.ask("POST", f"{PATH}/{strong['id']}/regenerate", scope="automation.manage"),
    ]

    assert [(reply.status, reply.json["error"]) for reply in refused] == [(403, "forbidden")] * 3
    assert (await made_by_manage("automation.manage", "automation.view", "automation:webhook_run")).status == 201
    assert (await ask_with(world, strong["token"])).status == 200
