"""The same request sent twice: how one gateway answers the second one. The shared keys are in memory."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from libs.common import errors, messages
from services.gateway import deduplication, metrics
from services.gateway.idempotency import PATIENCE_MS
from tests.unit.gateway import samples
from tests.unit.gateway.memory_keys import MemoryKeys
from tests.unit.gateway.world import JSON, Reply, World, echo, result

KEY = {"Idempotency-Key": "order-7"}
GITHUB = {"auth": {"hmac": {"preset": "github", "secrets": ["a secret"]}}}


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys()


@pytest.fixture
async def start(keys: MemoryKeys) -> AsyncIterator[Callable[..., Any]]:
    """Worlds with settings of their own, which share the keys."""
    worlds: list[World] = []

    async def start(**settings: Any) -> World:
        world = World(keys=keys, **settings)
        await world.start()
        worlds.append(world)
        return world

    yield start
    for world in worlds:
        await world.stop()


@pytest.fixture
async def world(start: Callable[..., Any]) -> World:
    world: World = await start()
    return world


def flow(world: World, **webhook: Any) -> Any:
    return world.save(samples.flow(saved=samples.document(**webhook)))


def replayed(reply: Reply) -> bool:
    return reply.headers.get("Flowhook-Idempotent-Replay") == "true"


def failed(run: messages.RunRequest) -> messages.Result:
    return result(run, status="error", error=messages.RunError(code="x", message="y", step="a"))


async def told(keys: MemoryKeys, *states: str) -> None:
    """Return once these are the states of the keys."""
    async with asyncio.timeout(5):
        while sorted(row.state for row in keys.rows.values()) != sorted(states):  # noqa: ASYNC110  # off the answer's way
            await asyncio.sleep(0.001)


async def waiting(keys: MemoryKeys, number: int) -> None:
    """Return once so many requests wait for the run of another: they have asked for its key and found it."""
    async with asyncio.timeout(5):
        while keys.taken < number:  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.001)
        before = keys.finds
        while keys.finds < before + 2:  # noqa: ASYNC110  # the one on its way may be of those who came before
            await asyncio.sleep(0.001)


def counted(counter: Any) -> float:
    value: float = counter._value.get()
    return value


# --- replays


async def test_the_same_request_is_answered_as_the_first_one_and_runs_nothing(world: World) -> None:
    saved = flow(world)
    response = messages.Response(status=201, headers={"Content-Type": "text/plain", "X-A": "ä"}, body="1\u20ac")
    world.answer = lambda run: result(run, response=response)
    replays = counted(metrics.REPLAYED)

    first = await world.call(saved, headers=KEY, json={"a": 1})
    second = await world.call(saved, headers=KEY, json={"a": 1})

    assert (first.status, replayed(first)) == (201, False)
    assert replayed(second)
    assert (second.status, second.body, second.run_id) == (first.status, first.body, first.run_id)
    for name in ("Content-Type", "X-A", "X-Content-Type-Options", "Server"):
        assert second.headers[name] == first.headers[name]
    assert world.runs.qsize() == 1
    assert counted(metrics.REPLAYED) == replays + 1


async def test_without_a_key_every_request_runs(world: World) -> None:
    saved = flow(world)

    for _ in range(2):
        assert not replayed(await world.call(saved, json={"a": 1}))

    assert world.runs.qsize() == 2
    assert not keys_of(world).rows


def keys_of(world: World) -> MemoryKeys:
    assert isinstance(world.keys, MemoryKeys)
    return world.keys


async def test_a_key_belongs_to_its_flow(world: World) -> None:
    replies = [await world.call(flow(world), headers=KEY, json={}) for _ in range(2)]

    assert not any(map(replayed, replies))
    assert world.runs.qsize() == 2


async def test_the_wait_for_a_run_that_goes_on_ends_with_its_answer(world: World) -> None:
    saved = flow(world)
    world.answer = lambda run: None

    calls = [asyncio.create_task(world.call(saved, headers=KEY, json={"a": 1})) for _ in range(20)]
    run = await world.runs.get()
    await told(keys_of(world), "accepted")
    world.reply(run, echo(run))
    replies = await asyncio.gather(*calls)

    assert {(reply.status, reply.body, reply.run_id) for reply in replies} == {(200, b'{"a": 1}', run.run_id)}
    assert sum(map(replayed, replies)) == 19
    assert world.runs.empty()


async def test_the_wait_is_as_long_as_any(start: Callable[..., Any]) -> None:
    world = await start(sync_timeout_seconds=0.3)
    saved = flow(world)
    world.answer = lambda run: None
    first = asyncio.create_task(world.call(saved, headers=KEY))
    run = await world.runs.get()

    second = await world.call(saved, headers=KEY)

    assert (await first).status == 408
    assert (second.status, second.json["error"], second.run_id) == (408, "timeout", run.run_id)
    assert second.json["data"] == {"run_id": run.run_id}
    assert world.runs.empty()


async def test_what_ended_after_its_senders_time_is_replayed(start: Callable[..., Any], keys: MemoryKeys) -> None:
    world = await start(sync_timeout_seconds=0.1)
    saved = flow(world)
    world.answer = lambda run: None
    first = await world.call(saved, headers=KEY, json={"a": 1})
    run = await world.runs.get()
    world.reply(run, echo(run))
    await told(keys, "succeeded")

    second = await world.call(saved, headers=KEY, json={"a": 1})

    assert first.status == 408
    assert (second.status, second.body, replayed(second)) == (200, b'{"a": 1}', True)


async def test_an_asynchronous_flow_gives_the_same_answer(world: World, keys: MemoryKeys) -> None:
    webhook = {"async": True, "response": {"status": 202, "body": "{{ request.run_id }}"}}
    saved = flow(world, **webhook)

    first = await world.call(saved, headers=KEY, json={"a": 1})
    second = await world.call(saved, headers=KEY, json={"a": 1})

    assert (first.status, first.body.decode()) == (202, first.run_id)
    assert (second.status, second.body, second.run_id) == (first.status, first.body, first.run_id)
    assert (replayed(first), replayed(second)) == (False, True)
    assert world.runs.qsize() == 1


async def test_an_answer_that_did_not_render_is_given_again(world: World) -> None:
    saved = flow(world, **{"async": True, "response": {"body": "{{ web1.nothing.at.all }}"}})

    first, second = [await world.call(saved, headers=KEY) for _ in range(2)]

    assert (first.status, first.body, first.run_id) == (500, second.body, second.run_id)
    assert world.runs.qsize() == 1


async def test_after_a_day_the_key_is_anybodys(world: World, keys: MemoryKeys) -> None:
    saved = flow(world)
    first = await world.call(saved, headers=KEY, json={"a": 1})
    keys.now_ms += 24 * 3_600_000 + 1

    second = await world.call(saved, headers=KEY, json={"a": 2})

    assert not replayed(second)
    assert second.run_id != first.run_id


# --- the first run does not count


@pytest.mark.parametrize("ended", [failed, lambda run: result(run, status="cancelled")])
async def test_a_retry_of_what_failed_runs(
    world: World, keys: MemoryKeys, ended: Callable[[messages.RunRequest], messages.Result]
) -> None:
    saved = flow(world)
    world.answer = ended
    first = await world.call(saved, headers=KEY, json={"a": 1})
    await told(keys, "failed")
    world.answer = echo

    second = await world.call(saved, headers=KEY, json={"a": 1})
    third = await world.call(saved, headers=KEY, json={"a": 1})

    assert first.status == 500
    assert (second.status, replayed(second)) == (200, False)
    assert second.run_id != first.run_id
    assert (third.run_id, replayed(third)) == (second.run_id, True)


async def test_whoever_waits_for_what_fails_is_told_so_and_it_runs_once(world: World, keys: MemoryKeys) -> None:
    saved = flow(world)
    world.answer = lambda run: None

    calls = [asyncio.create_task(world.call(saved, headers=KEY)) for _ in range(5)]
    run = await world.runs.get()
    await waiting(keys, 4)
    world.reply(run, failed(run))
    replies = await asyncio.gather(*calls)

    assert {(reply.status, reply.body, reply.run_id) for reply in replies} == {(500, replies[0].body, run.run_id)}
    assert world.runs.empty()


async def test_an_asynchronous_run_that_failed_runs_again(world: World, keys: MemoryKeys) -> None:
    saved = flow(world, **{"async": True})
    first = await world.call(saved, headers=KEY)
    await told(keys, "accepted")
    keys.statuses[first.run_id] = "error"

    second = await world.call(saved, headers=KEY)

    assert not replayed(second)
    assert second.run_id != first.run_id


async def test_a_run_that_was_not_accepted_leaves_its_key_to_others(
    world: World, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = flow(world)
    monkeypatch.setattr(world.bus, "publish", refusing(errors.BusUnavailable("away")))
    first = await world.call(saved, headers=KEY, json={"a": 1})
    monkeypatch.undo()
    await told(keys, "refused")

    second = await world.call(saved, headers=KEY, json={"a": 2})

    assert (first.status, "Flowhook-Run-Id" in first.headers) == (503, False)
    assert (second.status, replayed(second)) == (200, False)


async def test_a_run_of_which_nothing_is_known_gives_way_to_a_new_one_once(
    world: World, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = flow(world)
    monkeypatch.setattr(world.bus, "publish", refusing(errors.OutcomeUnknown("lost")))
    first = await world.call(saved, headers=KEY, json={"a": 1})
    monkeypatch.undo()
    await told(keys, "unknown")

    replies = await asyncio.gather(*(world.call(saved, headers=KEY, json={"a": 1}) for _ in range(20)))

    assert first.status == 503
    assert world.runs.qsize() == 1
    run = world.runs.get_nowait()
    assert {(reply.status, reply.run_id) for reply in replies} == {(200, run.run_id)}
    assert first.run_id != run.run_id
    assert sum(map(replayed, replies)) == 19


async def test_a_run_that_was_unknown_and_shows_itself_is_replayed(
    world: World, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = flow(world)
    monkeypatch.setattr(world.bus, "publish", refusing(errors.OutcomeUnknown("lost")))
    first = await world.call(saved, headers=KEY)
    monkeypatch.undo()
    await told(keys, "unknown")
    keys.statuses[first.run_id] = "success"
    keys.recorded[first.run_id] = messages.Response(status=203, headers=JSON, body="7")

    second = await world.call(saved, headers=KEY)

    assert (second.status, second.body, second.run_id, replayed(second)) == (203, b"7", first.run_id, True)
    assert world.runs.empty()


async def test_the_run_of_a_gateway_that_died_before_it_published_gives_way(world: World, keys: MemoryKeys) -> None:
    saved = flow(world)
    first = await world.call(saved, headers=KEY)
    await told(keys, "succeeded")
    (row,) = keys.rows.values()
    row.state, row.response = "sent", None
    keys.now_ms += PATIENCE_MS + 1

    second = await world.call(saved, headers=KEY)

    assert not replayed(second)
    assert second.run_id != first.run_id


async def test_an_answer_that_is_too_long_to_be_kept_is_not_made_up(
    world: World, keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deduplication, "MAX_ANSWER_BYTES", 500)
    saved = flow(world)
    first = await world.call(saved, headers=KEY, json={"a": "b" * 500})
    await told(keys, "succeeded")

    second = await world.call(saved, headers=KEY, json={"a": "b" * 500})

    assert first.status == 200
    assert (second.status, second.json["error"], second.run_id) == (409, "conflict", first.run_id)
    assert second.json["data"] == {"run_id": first.run_id}
    assert world.runs.qsize() == 1


def refusing(error: errors.BusError) -> Callable[[Any], "asyncio.Future[None]"]:
    def publish(letter: Any) -> "asyncio.Future[None]":
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outcome.set_exception(error)
        return outcome

    return publish


# --- what is refused


@pytest.mark.parametrize(
    ("method", "options"),
    [("PUT", {"json": {"a": 1}}), ("POST", {"json": {"a": 2}}), ("POST", {"json": {"a": 1}, "query": "?b=1"})],
)
async def test_a_key_with_another_method_query_or_body_is_refused(
    world: World, method: str, options: dict[str, Any]
) -> None:
    saved = flow(world)
    await world.call(saved, headers=KEY, json={"a": 1})

    reply = await world.call(saved, method, headers=KEY, **options)

    assert (reply.status, reply.json["error"]) == (422, "idempotency_conflict")
    assert "Flowhook-Run-Id" not in reply.headers
    assert world.runs.qsize() == 1


@pytest.mark.parametrize("key", ["", "a" * 256])
async def test_a_key_that_is_empty_or_too_long_is_refused(world: World, key: str) -> None:
    reply = await world.call(flow(world), headers={"Idempotency-Key": key})

    assert (reply.status, reply.json["error"]) == (400, "invalid_payload")
    assert world.runs.empty()


async def test_what_is_refused_takes_no_key(world: World) -> None:
    saved = flow(world)

    reply = await world.call(saved, headers={**KEY, "Content-Type": "application/json"}, data=b"{")

    assert reply.status == 400
    assert (await world.call(saved, headers=KEY, json={"a": 1})).status == 200


# --- where keys stand


async def test_a_preset_knows_its_deliveries(world: World) -> None:
    saved = flow(world, **GITHUB)

    async def deliver(number: str, body: bytes = b'{"a": 1}') -> Reply:
        signature = "sha256=" + hmac.new(b"a secret", body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": signature, "X-GitHub-Delivery": number, "Authorization": "none"}
        return await world.call(saved, headers=headers, data=body)

    replies = [await deliver("1"), await deliver("1"), await deliver("2"), await deliver("1", b"{}")]

    assert [reply.status for reply in replies] == [200, 200, 200, 422]
    assert [replayed(reply) for reply in replies[:3]] == [False, True, False]


async def test_shopifys_deliveries_are_known(world: World) -> None:
    shopify = {"auth": {"hmac": {"preset": "shopify", "secrets": ["a secret"]}}}
    saved = flow(world, **shopify)
    signature = base64.b64encode(hmac.new(b"a secret", b"{}", hashlib.sha256).digest()).decode()
    headers = {"X-Shopify-Hmac-Sha256": signature, "X-Shopify-Webhook-Id": "b54557e4", "Authorization": "none"}

    replies = [await world.call(saved, headers=headers, data=b"{}") for _ in range(2)]

    assert [replayed(reply) for reply in replies] == [False, True]


async def test_the_header_of_a_preset_means_nothing_to_other_flows(world: World) -> None:
    saved = flow(world)

    replies = [await world.call(saved, headers={"X-GitHub-Delivery": "1"}) for _ in range(2)]

    assert not any(map(replayed, replies))


async def test_a_template_makes_the_key(world: World) -> None:
    saved = flow(world, idempotency={"key": "{{ web1.order }}-{{ request.headers['x-shop'] }}"})

    async def call(shop: str, **body: Any) -> Reply:
        return await world.call(saved, headers={"X-Shop": shop}, json=body)

    replies = [await call("a", order=1), await call("a", order=1), await call("b", order=1), await call("b", order=2)]

    assert [replayed(reply) for reply in replies] == [False, True, False, False]
    assert (await call("a", other=1)).status == 400  # a template says what it takes for what is not there


async def test_it_can_be_turned_off(world: World) -> None:
    saved = flow(world, idempotency=False)

    replies = [await world.call(saved, headers=KEY, json={"a": number}) for number in (1, 1, 2)]

    assert [(reply.status, replayed(reply)) for reply in replies] == [(200, False)] * 3


# --- while keys cannot be asked


async def test_while_the_keys_are_away_requests_run_and_are_counted(
    start: Callable[..., Any], keys: MemoryKeys
) -> None:
    keys.away = True
    world = await start()
    saved = flow(world)
    before = counted(metrics.UNDEDUPLICATED)

    replies = [await world.call(saved, headers=KEY, json={}) for _ in range(2)]

    assert [(reply.status, replayed(reply)) for reply in replies] == [(200, False)] * 2
    assert world.runs.qsize() == 2
    assert counted(metrics.UNDEDUPLICATED) == before + 2


async def test_keys_that_go_away_and_come_back_know_what_ended_meanwhile(world: World, keys: MemoryKeys) -> None:
    saved = flow(world)
    world.answer = lambda run: None
    first = asyncio.create_task(world.call(saved, headers=KEY, json={"a": 1}))
    run = await world.runs.get()
    await told(keys, "accepted")
    second = asyncio.create_task(world.call(saved, headers=KEY, json={"a": 1}))
    await waiting(keys, 1)
    keys.away = True
    world.reply(run, echo(run))
    await first

    keys.away = False

    assert replayed(await second)
    await told(keys, "succeeded")
    assert world.runs.empty()


async def test_a_gateway_that_stops_answers_those_who_wait_for_others(
    start: Callable[..., Any], keys: MemoryKeys
) -> None:
    world = await start(stop_grace_s=5)
    saved = flow(world)
    world.answer = lambda run: None
    calls = [asyncio.create_task(world.call(saved, headers=KEY)) for _ in range(2)]
    run = await world.runs.get()
    await waiting(keys, 1)

    async with asyncio.timeout(3):
        await world.gateway.stop()

    replies = [await call for call in calls]
    assert {(reply.status, reply.run_id) for reply in replies} == {(503, run.run_id)}
