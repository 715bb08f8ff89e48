"""Flows over the API: saved whole, versioned, never overwritten unseen."""

import asyncio
import json

import asyncpg
import pytest

from libs.common import keys, webhook_tokens
from libs.common.flow import document
from tests.integration.debugger_api.world import MAX_BODY, NOBODY, PUBLIC_URL, SECRET, World, flow

pytestmark = pytest.mark.postgres

FLOW_ID = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"
YAML = {"Content-Type": "application/yaml"}
AS_YAML = {"Accept": "application/yaml"}
FILE = f"""\
id: {FLOW_ID}
name: Company lookup
steps:
  - ref: web1
    type: webhook
    with:
      response: {{status: 200, body: '{{"n": {{{{ web1.n }}}}}}'}}
"""


async def test_a_saved_flow_is_there_with_its_version(world: World) -> None:
    reply = await world.ask("POST", "/v1/flows", flow(name="Orders"))

    saved = reply.json
    assert reply.status == 201
    assert reply.headers["Location"] == f"/v1/flows/{saved['id']}"
    assert reply.headers["ETag"] == '"1-active"'
    assert (saved["name"], saved["status"], saved["version"]) == ("Orders", "active", 1)
    assert saved["steps"] == [{"ref": "web1", "type": "webhook"}]
    assert (await world.ask("GET", f"/v1/flows/{saved['id']}")).json == saved


async def test_a_file_is_saved_under_its_own_id(world: World) -> None:
    reply = await world.ask("POST", "/v1/flows", FILE, headers=YAML)

    assert (reply.status, reply.json["id"]) == (201, FLOW_ID)


async def test_an_id_that_is_taken_is_a_conflict(world: World) -> None:
    await world.save(flow(id=FLOW_ID))

    reply = await world.ask("POST", "/v1/flows", flow(id=FLOW_ID.upper()))

    assert (reply.status, reply.json["error"]) == (409, "conflict")


async def test_a_flow_is_shown_as_yaml_that_can_be_saved_again(world: World) -> None:
    saved = await world.save(flow(id=FLOW_ID))

    shown = await world.ask("GET", f"/v1/flows/{FLOW_ID}", headers=AS_YAML)

    assert shown.headers["Content-Type"].startswith("application/yaml")
    assert shown.text.startswith("# version 1\n")
    assert document.load(shown.text, media="yaml").to_plain()["steps"] == saved["steps"]
    assert (await world.ask("PUT", f"/v1/flows/{FLOW_ID}", shown.text, headers=YAML)).json["version"] == 2


async def test_what_was_read_as_json_can_be_sent_back(world: World) -> None:
    saved = await world.save()

    reply = await world.ask("PUT", f"/v1/flows/{saved['id']}", {**saved, "name": "Renamed"})

    assert (reply.status, reply.json["name"], reply.json["version"]) == (200, "Renamed", 2)


async def test_a_bad_document_is_refused_with_every_fault(world: World) -> None:
    steps = [
        {"ref": "Web", "type": "webhook"},
        {"ref": "a", "type": "nonsense"},
        {"ref": "b", "type": "dict", "with": {"x": "{{ 1 + }}"}},
    ]
    reply = await world.ask("POST", "/v1/flows", {"name": "", "steps": steps, "colour": "red"})

    assert (reply.status, reply.json["error"]) == (422, "invalid_request")
    assert sorted(reply.faults) == sorted(["name", "colour", "steps[0].ref", "steps[1].type", "steps[2].with.x"])
    assert (await world.ask("GET", "/v1/flows")).json["items"] == []


async def test_a_fault_of_a_file_bears_its_line(world: World) -> None:
    reply = await world.ask("POST", "/v1/flows", FILE.replace("type: webhook", "type: nonsense"), headers=YAML)

    (fault,) = reply.json["data"]["faults"]
    assert (fault["path"], fault["line"]) == ("steps[0].type", 5)


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff", b"[]", b"null", b'{"name": "\\ud800", "steps": []}', b"[" * 60000]
)
async def test_what_is_no_document_is_refused(world: World, body: bytes) -> None:
    reply = await world.ask("POST", "/v1/flows", body)

    assert (reply.status, reply.json["error"]) == (422, "invalid_request")


async def test_a_document_of_another_type_is_refused(world: World) -> None:
    reply = await world.ask("POST", "/v1/flows", "x", headers={"Content-Type": "text/plain"})

    assert (reply.status, reply.json["error"]) == (415, "unsupported_media_type")


async def test_each_save_is_a_version_that_stays(world: World) -> None:
    saved = await world.save(flow(name="One"))
    path = f"/v1/flows/{saved['id']}"

    await world.ask("PUT", path, flow(name="Two"))
    await world.ask("PATCH", path, {"name": "Three"})

    versions = (await world.ask("GET", f"{path}/versions")).json
    assert [item["version"] for item in versions["items"]] == [3, 2, 1]
    assert versions["next_cursor"] is None
    for number, name in enumerate(("One", "Two", "Three"), start=1):
        version = (await world.ask("GET", f"{path}/versions/{number}")).json
        assert (version["version"], version["name"], version["id"]) == (number, name, saved["id"])
    as_yaml = await world.ask("GET", f"{path}/versions/2", headers=AS_YAML)
    assert "name: Two" in as_yaml.text


async def test_versions_are_paged(world: World) -> None:
    path = f"/v1/flows/{(await world.save())['id']}"
    for number in range(4):
        await world.ask("PUT", path, flow(name=f"Flow {number}"))

    first = (await world.ask("GET", f"{path}/versions?limit=3")).json
    rest = (await world.ask("GET", f"{path}/versions?limit=3&cursor={first['next_cursor']}")).json

    assert [item["version"] for item in first["items"] + rest["items"]] == [5, 4, 3, 2, 1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("number", ["0", "2", "-1", "1.0", "x", "99999999999999"])
async def test_a_version_that_is_not_there_is_404(world: World, number: str) -> None:
    path = f"/v1/flows/{(await world.save())['id']}"

    assert (await world.ask("GET", f"{path}/versions/{number}")).status == 404


async def test_a_lost_update_is_refused(world: World) -> None:
    saved = await world.save()
    path = f"/v1/flows/{saved['id']}"
    tag = (await world.ask("GET", path)).headers["ETag"]

    mine = await world.ask("PUT", path, flow(name="Mine"), headers={"If-Match": tag})
    yours = await world.ask("PUT", path, flow(name="Yours"), headers={"If-Match": tag})

    assert mine.status == 200
    assert (yours.status, yours.json["error"], yours.json["data"]["version"]) == (412, "precondition_failed", 2)
    assert (await world.ask("GET", path)).json["name"] == "Mine"


async def test_of_two_saves_at_once_one_is_refused(world: World) -> None:
    saved = await world.save()
    path = f"/v1/flows/{saved['id']}"

    replies = await asyncio.gather(
        *(world.ask("PUT", path, flow(name=f"Flow {n}"), headers={"If-Match": '"1-active"'}) for n in range(5))
    )

    assert sorted(reply.status for reply in replies) == [200, 412, 412, 412, 412]


async def test_pausing_is_seen_by_whoever_saves_with_an_old_tag(world: World) -> None:
    saved = await world.save()
    path = f"/v1/flows/{saved['id']}"

    paused = await world.ask("PATCH", path, {"status": "paused"})
    late = await world.ask("PUT", path, flow(), headers={"If-Match": '"1-active"'})

    assert (paused.status, paused.json["status"], paused.json["version"]) == (200, "paused", 1)
    assert late.status == 412


async def test_a_save_without_a_status_leaves_the_flow_paused(world: World) -> None:
    saved = await world.save(flow(status="paused"))
    without = {key: value for key, value in flow().items() if key != "status"}

    reply = await world.ask("PUT", f"/v1/flows/{saved['id']}", without)

    assert (reply.json["status"], reply.json["version"]) == ("paused", 2)


async def test_a_patch_changes_single_settings(world: World) -> None:
    saved = await world.save(flow(settings={"retries": False}))

    reply = await world.ask("PATCH", f"/v1/flows/{saved['id']}", {"settings": {"retention_days": 7}})

    assert (reply.json["settings"]["retries"], reply.json["settings"]["retention_days"]) == (False, 7)
    assert reply.json["version"] == 2


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"status": "off", "name": 7, "colour": "red"}, ["colour", "name", "status"]),
        ({"status": None}, ["status"]),
        ({"settings": []}, ["settings"]),
        ({"settings": {"retention_days": 8}}, ["settings.retention_days"]),
        ({"name": ""}, ["name"]),
        ({"name": "a\u0000b"}, ["name"]),
    ],
)
async def test_a_bad_patch_is_refused_with_every_fault(world: World, body: object, faults: list[str]) -> None:
    saved = await world.save()

    reply = await world.ask("PATCH", f"/v1/flows/{saved['id']}", body)

    assert reply.status == 422
    assert sorted(reply.faults) == faults
    assert (await world.ask("GET", f"/v1/flows/{saved['id']}")).json == saved


async def test_a_patch_that_is_no_json_is_400(world: World) -> None:
    saved = await world.save()

    reply = await world.ask("PATCH", f"/v1/flows/{saved['id']}", b"{")

    assert (reply.status, reply.json["error"]) == (400, "invalid_payload")


async def test_a_deleted_flow_is_gone_and_its_versions_stay_for_its_runs(world: World) -> None:
    saved = await world.save()
    path = f"/v1/flows/{saved['id']}"

    assert (await world.ask("DELETE", path)).status == 204

    for gone in (path, f"{path}/versions", f"{path}/versions/1", f"{path}/settings"):
        assert (await world.ask("GET", gone)).status == 404
    for method, at in (("DELETE", path), ("PUT", path), ("PATCH", path), ("POST", f"{path}/webhook-token/rotate")):
        assert (await world.ask(method, at, flow() if method == "PUT" else {})).status == 404
    assert (await world.ask("GET", "/v1/flows")).json["items"] == []
    kept = await world.flows.version(saved["id"], 1)
    assert kept is not None
    assert kept.flow_deleted


async def test_a_deleted_id_comes_back_with_its_next_version_and_a_new_token(world: World) -> None:
    await world.save(flow(id=FLOW_ID))
    before = (await world.ask("GET", f"/v1/flows/{FLOW_ID}/settings")).json["webhook_token"]
    await world.ask("DELETE", f"/v1/flows/{FLOW_ID}")

    again = await world.save(flow(id=FLOW_ID))

    assert again["version"] == 2
    assert (await world.ask("GET", f"/v1/flows/{FLOW_ID}/settings")).json["webhook_token"] != before


async def test_settings_show_address_and_token(world: World) -> None:
    saved = await world.save(flow(steps=[{"ref": "web1", "type": "webhook", "with": {"async": True}}]))

    settings = (await world.ask("GET", f"/v1/flows/{saved['id']}/settings")).json

    assert settings["webhook_url"] == f"{PUBLIC_URL}/v1/flow-webhook/{saved['id']}"
    assert (settings["status"], settings["version"], settings["async"]) == ("active", 1, True)
    assert settings["settings"]["retention_days"] == 30
    token = settings["webhook_token"]
    assert token.startswith("ey")
    assert len(token) > 50
    key = keys.derive(SECRET, "webhook-tokens")
    assert webhook_tokens.verify(key, token, flow_id=saved["id"], generations=frozenset({1}))


@pytest.mark.parametrize(
    ("scope", "sees"), [("automation", True), ("automation.manage", True), ("automation.view", False)]
)
async def test_the_token_is_shown_to_those_who_manage(world: World, scope: str, sees: bool) -> None:
    saved = await world.save()

    settings = (await world.ask("GET", f"/v1/flows/{saved['id']}/settings", scope=scope)).json

    assert (settings["webhook_token"] is not None) is sees
    assert settings["webhook_url"]


@pytest.mark.parametrize(
    ("steps", "has_url"),
    [([{"ref": "d", "type": "dict"}], False), ([{"ref": "web1", "type": "webhook", "with": {"auth": "none"}}], True)],
)
async def test_there_is_no_token_where_none_is_asked_for(world: World, steps: object, has_url: bool) -> None:
    saved = await world.save(flow(steps=steps))

    settings = (await world.ask("GET", f"/v1/flows/{saved['id']}/settings")).json

    assert (settings["webhook_url"] is not None, settings["webhook_token"]) == (has_url, None)


async def test_rotation_gives_a_new_token_and_ends_the_last_one(world: World) -> None:
    saved = await world.save()

    rotated = (await world.ask("POST", f"/v1/flows/{saved['id']}/webhook-token/rotate")).json

    settings = (await world.ask("GET", f"/v1/flows/{saved['id']}/settings")).json
    assert rotated["webhook_token"] == settings["webhook_token"]
    assert rotated["previous_token_until"] is None
    (row,) = await world.pool.fetch("select token_generation, previous_generation from flows")
    assert tuple(row) == (2, None)


async def test_rotation_may_leave_the_last_token_open_for_a_while(world: World) -> None:
    saved = await world.save()

    rotated = await world.ask("POST", f"/v1/flows/{saved['id']}/webhook-token/rotate", {"overlap_seconds": 3600})

    (row,) = await world.pool.fetch(
        "select token_generation, previous_generation, previous_until - now() as left from flows"
    )
    assert (row["token_generation"], row["previous_generation"]) == (2, 1)
    assert 3500 < row["left"].total_seconds() <= 3600
    assert rotated.json["previous_token_until"] is not None


@pytest.mark.parametrize("overlap", [-1, 1.5, "60", True, None, 10**9])
async def test_a_bad_overlap_is_refused(world: World, overlap: object) -> None:
    saved = await world.save()

    reply = await world.ask("POST", f"/v1/flows/{saved['id']}/webhook-token/rotate", {"overlap_seconds": overlap})

    assert (reply.status, reply.faults) == (422, ["overlap_seconds"])


async def test_flows_are_listed_newest_first_and_filtered(world: World) -> None:
    names = ["Orders 100%", "orders archive", "Invoices"]
    saved = [await world.save(flow(name=name, status="paused" if name == "Invoices" else "active")) for name in names]

    async def listed(query: str) -> list[str]:
        return [item["name"] for item in (await world.ask("GET", f"/v1/flows?{query}")).json["items"]]

    assert await listed("") == ["Invoices", "orders archive", "Orders 100%"]
    assert await listed("status=&q=&cursor=") == ["Invoices", "orders archive", "Orders 100%"]
    assert await listed("status=paused") == ["Invoices"]
    assert await listed("q=ORDERS") == ["orders archive", "Orders 100%"]
    assert await listed("q=100%25") == ["Orders 100%"]
    assert await listed("q=_") == []
    assert await listed(f"q={saved[0]['id']}") == ["Orders 100%"]
    assert "steps" not in (await world.ask("GET", "/v1/flows")).json["items"][0]


async def test_a_list_of_flows_stays_put_while_flows_are_saved(world: World) -> None:
    for number in range(5):
        await world.save(flow(name=f"Flow {number}"))
    first = (await world.ask("GET", "/v1/flows?limit=2")).json

    await world.save(flow(name="Newer"))
    seen, cursor = [item["name"] for item in first["items"]], first["next_cursor"]
    while cursor:
        page = (await world.ask("GET", f"/v1/flows?limit=2&cursor={cursor}")).json
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert seen == ["Flow 4", "Flow 3", "Flow 2", "Flow 1", "Flow 0"]


async def test_every_fault_of_a_query_is_told(world: World) -> None:
    reply = await world.ask("GET", "/v1/flows?status=off&limit=1000&sort=name&q=a%00b")

    assert (reply.status, sorted(reply.faults)) == (422, ["limit", "q", "sort", "status"])


async def test_gateways_hear_of_every_change(world: World, database_url: str) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    await listener.add_listener("flowhook_flows", lambda *told: heard.put_nowait(told[-1]))

    saved = await world.save()
    path = f"/v1/flows/{saved['id']}"
    await world.ask("PATCH", path, {"status": "paused"})
    await world.ask("POST", f"{path}/webhook-token/rotate")
    await world.ask("DELETE", path)

    async with asyncio.timeout(5):
        assert [await heard.get() for _ in range(4)] == [saved["id"]] * 4
    await listener.close()


async def test_large_numbers_and_odd_texts_are_kept_exactly(world: World) -> None:
    odd = {"n": 10**400, "f": 1e300, "text": "\u2028\U0001f3a3\u0000 ' \" \\"}

    saved = await world.save(flow(steps=[{"ref": "d", "type": "dict", "with": odd}]))

    shown = await world.ask("GET", f"/v1/flows/{saved['id']}")
    assert json.loads(shown.text)["steps"][0]["with"] == odd


async def test_a_document_close_to_the_limit_is_taken(world: World) -> None:
    steps = [{"ref": "d", "type": "dict", "with": {"text": "x" * (MAX_BODY - 1000)}}]

    assert (await world.ask("POST", "/v1/flows", flow(steps=steps))).status == 201


async def test_nobody_knows_a_flow_of_an_unknown_id(world: World) -> None:
    for method, body in (("GET", None), ("PUT", flow()), ("PATCH", {}), ("DELETE", None)):
        assert (await world.ask(method, f"/v1/flows/{NOBODY}", body)).status == 404
