"""Who gets in where, and what everybody else is told."""

import gzip

import pytest

from services.debugger.api.scopes import Permission
from tests.integration.debugger_api.world import MAX_BODY, NOBODY, SCOPES, World, flow

pytestmark = pytest.mark.postgres

# What the specification grants, written down once more and by hand.
MAY = {
    "automation": {Permission.VIEW, Permission.MANAGE, Permission.DELETE},
    "automation.manage": {Permission.VIEW, Permission.MANAGE},
    "automation.view": {Permission.VIEW},
    "automation.webhook_run": set(),
}
NEEDS = {
    "GET": Permission.VIEW,
    "POST": Permission.MANAGE,
    "PUT": Permission.MANAGE,
    "PATCH": Permission.MANAGE,
    "DELETE": Permission.DELETE,
}


def filled(path: str) -> str:
    return path.replace("{id}", NOBODY).replace("{run_id}", NOBODY).replace("{n}", "1")


async def test_every_call_takes_exactly_the_scopes_that_suffice(world: World) -> None:
    assert len(world.table) >= 16

    for route in world.table:
        for scope in SCOPES:
            reply = await world.ask(route.method, filled(route.path), scope=scope)

            let_in = NEEDS[route.method] in MAY[scope]
            assert (reply.status not in (401, 403)) is let_in, (route, scope, reply)
            if not let_in:
                assert reply.status == 403
                assert reply.json["error"] == "forbidden"


@pytest.mark.parametrize(
    "authorization", [None, "Bearer fh_pat_unknown", "Basic Zm9v", "Bearer", "Bearer  two", "Bearer \u00e4"]
)
async def test_nobody_gets_in_without_a_known_token(world: World, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    for route in world.table:
        reply = await world.ask(route.method, filled(route.path), scope=None, headers=headers)

        assert (reply.status, reply.json["error"]) == (401, "unauthorized")
        assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_whose_time_is_up_opens_nothing(world: World) -> None:
    await world.pool.execute("update personal_access_tokens set expires_at = now() - interval '1 second'")

    assert (await world.ask("GET", "/v1/flows")).status == 401


async def test_only_the_hash_of_a_token_is_stored_and_its_use_is_remembered(world: World) -> None:
    await world.ask("GET", "/v1/flows")

    rows = await world.pool.fetch("select t::text as shown, last_used from personal_access_tokens t")
    assert not any(text in row["shown"] for row in rows for text in world.tokens.values())
    assert [row["last_used"] is not None for row in rows].count(True) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v2/flows",
        "/v1/flows/",
        f"/v1/flows/{NOBODY}/",
        "/v1/flows/not-an-id",
        f"/v1/flows/{NOBODY}/run",
        f"/v1/runs/{NOBODY}/cancel",
        "/v1/runs/stream",
        "/v1/env/KEY",
        "/v1/personal-access-tokens/",
        "/favicon.ico",
    ],
)
async def test_what_does_not_exist_is_404(world: World, path: str) -> None:
    reply = await world.ask("GET", path)

    assert (reply.status, reply.json["error"], reply.json["data"]) == (404, "not_found", None)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/flows", "GET, HEAD, POST"),
        ("POST", f"/v1/flows/{NOBODY}", "DELETE, GET, HEAD, PATCH, PUT"),
        ("POST", "/v1/runs", "GET, HEAD"),
        ("GET", f"/v1/flows/{NOBODY}/webhook-token/rotate", "POST"),
        ("POST", "/", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_405_and_says_which_are_right(
    world: World, method: str, path: str, allowed: str
) -> None:
    reply = await world.ask(method, path)

    assert (reply.status, reply.json["error"]) == (405, "method_not_allowed")
    assert reply.headers["Allow"] == allowed


async def test_head_is_get_without_a_body(world: World) -> None:
    reply = await world.ask("HEAD", "/v1/flows")

    assert (reply.status, reply.text) == (200, "")


async def test_a_body_over_the_limit_is_413(world: World) -> None:
    reply = await world.ask("POST", "/v1/flows", flow(name="x" * MAX_BODY))

    assert (reply.status, reply.json["error"]) == (413, "payload_too_large")


async def test_a_small_body_that_unpacks_to_a_large_one_is_413(world: World) -> None:
    packed = gzip.compress(b" " * (10 * MAX_BODY))
    reply = await world.ask("POST", "/v1/flows", packed, headers={"Content-Encoding": "gzip"})

    assert (reply.status, reply.json["error"]) == (413, "payload_too_large")


async def test_a_body_that_is_not_packed_as_it_says_is_400(world: World) -> None:
    reply = await world.ask("POST", "/v1/flows", b"not gzip", headers={"Content-Encoding": "gzip"})

    assert (reply.status, reply.json["error"]) == (400, "invalid_payload")


async def test_a_fault_of_our_own_tells_nothing_of_the_inside(world: World) -> None:
    await world.pool.execute("alter table flows rename to flows_elsewhere")

    reply = await world.ask("GET", "/v1/flows")

    assert (reply.status, reply.json["error"]) == (500, "internal")
    assert set(reply.json) == {"status", "error", "message", "data"}
    for inside in ("Traceback", "asyncpg", "relation", "select"):
        assert inside not in reply.text


async def test_answers_are_kept_by_nobody_and_run_nowhere(world: World) -> None:
    reply = await world.ask("GET", "/v1/flows")

    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]


async def test_the_page_says_where_things_are_and_loads_nothing_from_elsewhere(world: World) -> None:
    page = await world.ask("GET", "/", scope=None)

    assert page.status == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert "https://hooks.example.com/v1/flow-webhook/" in page.text
    assert "<script" not in page.text
    for part in ("/page.css", "/mark.svg"):
        assert f'"{part}"' in page.text
        assert (await world.ask("GET", part, scope=None)).status == 200


async def test_the_page_shows_no_markup_of_a_callers_making(world: World) -> None:
    page = await world.ask("GET", "/", scope=None, headers={"Host": 'x"><script>'})

    assert "<script" not in page.text
