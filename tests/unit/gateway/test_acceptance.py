"""From acceptance to the answer: synchronous, asynchronous, and when the broker is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from libs.common import errors, ids, messages, topology
from libs.common.bus import port
from tests.unit.gateway import samples
from tests.unit.gateway.world import GATEWAY_ID, JSON, Reply, World, result

ASYNC = {"async": True}


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Worlds with settings of their own."""
    worlds: list[World] = []

    async def start(**settings: Any) -> World:
        world = World(**settings)
        await world.start()
        worlds.append(world)
        return world

    yield start
    for world in worlds:
        await world.stop()


def is_error(reply: Reply, status: int, code: str, run_id: str) -> bool:
    assert reply.json["data"] == {"run_id": run_id}
    assert reply.run_id == run_id
    return (reply.status, reply.json["error"]) == (status, code)


# --- synchronous


async def test_the_sender_gets_the_flows_response(world: World) -> None:
    flow = world.save(samples.flow())
    response = messages.Response(status=201, headers={"Content-Type": "text/plain", "X-A": "b"}, body="done: ä")
    world.answer = lambda run: result(run, response=response)

    reply = await world.call(flow)

    assert (reply.status, reply.body.decode()) == (201, "done: ä")
    assert reply.headers["Content-Type"] == "text/plain"
    assert reply.headers["X-A"] == "b"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert ids.made_at_ms(reply.run_id) > 1_600_000_000_000


async def test_a_flow_without_a_response_is_answered_null(world: World) -> None:
    flow = world.save(samples.flow())
    world.answer = result

    assert (await world.call(flow)).body == b"null"


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(world: World, status: int) -> None:
    flow = world.save(samples.flow())
    response = messages.Response(status=status, headers=JSON, body="null")
    world.answer = lambda run: result(run, response=response)

    reply = await world.call(flow)

    assert (reply.status, reply.body) == (status, b"")
    assert (await world.call(flow)).status == status  # on the same connection


async def test_a_failing_terminate_may_have_a_response_of_its_own(world: World) -> None:
    flow = world.save(samples.flow())
    response = messages.Response(status=422, headers=JSON, body='{"valid": false}')
    world.answer = lambda run: result(run, status="error", response=response)

    reply = await world.call(flow)

    assert (reply.status, reply.json) == (422, {"valid": False})


async def test_a_failing_step_is_named_and_nothing_else_told(world: World) -> None:
    flow = world.save(samples.flow())
    error = messages.RunError(code="http_status", message="secret.internal said no", step="crm")
    world.answer = lambda run: result(run, status="error", error=error)

    reply = await world.call(flow)

    assert is_error(reply, 500, "flow_error", (await world.runs.get()).run_id)
    assert "`crm`" in reply.json["message"]
    assert b"secret.internal" not in reply.body
    assert b"http_status" not in reply.body


@pytest.mark.parametrize("status", ["error", "cancelled"])
async def test_a_crashed_or_cancelled_run_is_an_error_at_once(world: World, status: messages.EndStatus) -> None:
    flow = world.save(samples.flow())
    world.answer = lambda run: result(run, status=status)

    assert is_error(await world.call(flow), 500, "flow_error", (await world.runs.get()).run_id)


async def test_each_sender_gets_its_own_reply(world: World) -> None:
    flow = world.save(samples.flow())

    replies = await asyncio.gather(*(world.call(flow, json={"n": number}) for number in range(100)))

    assert [reply.json["n"] for reply in replies] == list(range(100))
    assert len({reply.run_id for reply in replies}) == 100


async def test_a_flow_that_takes_too_long_is_a_timeout(start: Callable[..., Any]) -> None:
    world: World = await start(sync_timeout_seconds=0.05)
    flow = world.save(samples.flow())
    world.answer = lambda run: None

    reply = await world.call(flow)

    assert is_error(reply, 408, "timeout", (await world.runs.get()).run_id)


async def test_a_late_reply_is_given_to_nobody(start: Callable[..., Any]) -> None:
    world: World = await start(sync_timeout_seconds=0.2)
    flow = world.save(samples.flow())
    world.answer = lambda run: None
    await world.call(flow)
    late = await world.runs.get()

    next_call = asyncio.create_task(world.call(flow))
    run = await world.runs.get()
    world.reply(late, result(late))

    assert is_error(await next_call, 408, "timeout", run.run_id)


async def test_the_record_is_told_how_the_sender_was_answered(world: World) -> None:
    flow = world.save(samples.flow())
    error = messages.RunError(code="x", message="x", step="crm")
    world.answer = lambda run: result(run, status="error", error=error)

    reply = await world.call(flow)
    async with asyncio.timeout(5):
        event = await world.events.get()

    assert isinstance(event, messages.Replied)
    assert (event.run_id, event.status) == (reply.run_id, 500)


async def test_a_sender_who_leaves_does_not_stop_the_run(world: World) -> None:
    flow = world.save(samples.flow())
    world.answer = lambda run: None
    call = asyncio.create_task(world.call(flow))
    run = await world.runs.get()

    call.cancel()
    await asyncio.wait({call})
    world.reply(run, result(run))

    world.answer = result
    assert (await world.call(flow)).status == 200


async def test_unreadable_replies_stop_nobody(world: World) -> None:
    flow = world.save(samples.flow())
    key = topology.result_key(GATEWAY_ID)
    for schema, body in (("event/1", b"{"), ("event/99", b"{}")):
        await world.runner_bus.publish(port.Letter(topology.EVENTS, key, schema, body))

    assert (await world.call(flow)).status == 200


async def test_runs_with_outside_effects_share_no_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    step = {"ref": "wait", "type": "delay", "with": {"seconds": 1}}
    pure = world.save(samples.flow())
    effect = world.save(samples.flow(saved=samples.document(step)))
    sent: list[port.Letter] = []
    publish = world.bus.publish

    def noted(letter: port.Letter) -> "asyncio.Future[None]":
        sent.append(letter)
        return publish(letter)

    monkeypatch.setattr(world.bus, "publish", noted)

    await world.call(pure)
    await world.call(effect)

    assert [letter.alone for letter in sent if letter.exchange == topology.RUNS] == [False, True]


# --- asynchronous


async def test_an_asynchronous_flow_is_answered_with_null_once_it_is_stored(world: World) -> None:
    flow = world.save(samples.flow(saved=samples.document(**ASYNC)))
    world.answer = lambda run: None

    reply = await world.call(flow, json={"a": 1})
    run = await world.runs.get()

    assert (reply.status, reply.body, reply.run_id) == (200, b"null", run.run_id)
    assert (run.mode, run.reply_to) == ("async", None)


async def test_its_response_sees_the_input_and_the_request_only(world: World) -> None:
    template = '{"got": {{ web1.a }}, "by": "{{ request.method }}", "run": "{{ request.run_id }}"}'
    response = {"status": "{{ 200 + web1.a }}", "body": template}
    flow = world.save(samples.flow(saved=samples.document(**ASYNC, response=response)))

    reply = await world.call(flow, json={"a": 2})

    assert reply.status == 202
    assert reply.json == {"got": 2, "by": "POST", "run": reply.run_id}


async def test_a_response_that_fails_to_render_does_not_stop_the_run(world: World) -> None:
    response = {"body": "{{ web1.missing.deeper }}"}
    flow = world.save(samples.flow(saved=samples.document(**ASYNC, response=response)))

    reply = await world.call(flow)

    assert is_error(reply, 500, "flow_error", (await world.runs.get()).run_id)
    assert "`web1`" in reply.json["message"]


async def test_the_answer_waits_for_the_confirm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = world.save(samples.flow(saved=samples.document(**ASYNC)))
    confirm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    published = asyncio.Event()

    def publish(letter: port.Letter) -> "asyncio.Future[None]":
        published.set()
        return confirm

    monkeypatch.setattr(world.bus, "publish", publish)
    call = asyncio.create_task(world.call(flow))
    await published.wait()
    assert not call.done()

    confirm.set_result(None)

    assert (await call).status == 200


# --- the broker


@pytest.mark.parametrize("webhook", [{}, ASYNC])
@pytest.mark.parametrize("trouble", ["down", "block"])
async def test_without_the_broker_nothing_is_accepted(world: World, webhook: dict[str, Any], trouble: str) -> None:
    flow = world.save(samples.flow(saved=samples.document(**webhook)))
    getattr(world.broker, trouble)()

    reply = await world.call(flow)

    assert (reply.status, reply.json["error"], reply.json["data"]) == (503, "unavailable", None)
    assert reply.headers["Retry-After"] == "2"
    assert "Flowhook-Run-Id" not in reply.headers
    assert not world.gateway.checks["bus"]()


async def test_it_is_accepted_again_when_the_broker_is_back(world: World) -> None:
    flow = world.save(samples.flow())
    world.broker.down()
    assert (await world.call(flow)).status == 503

    world.broker.up()
    await world.bus.wait_ready()

    assert (await world.call(flow)).status == 200


@pytest.mark.parametrize("webhook", [{}, ASYNC])
@pytest.mark.parametrize("outcome", [errors.OutcomeUnknown("?"), errors.Nacked("full")])
async def test_an_unknown_outcome_is_unavailable_and_the_record_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, webhook: dict[str, Any], outcome: errors.BusError
) -> None:
    flow = world.save(samples.flow(saved=samples.document(**webhook)))
    failing_publish(world, monkeypatch, outcome)

    reply = await world.call(flow)
    async with asyncio.timeout(5):
        event = await world.events.get()

    assert is_error(reply, 503, "unavailable", event.run_id)
    assert reply.headers["Retry-After"] == "2"
    assert isinstance(event, messages.Refused)


@pytest.mark.parametrize("webhook", [{}, ASYNC])
@pytest.mark.parametrize(
    ("outcome", "status"),
    [(errors.BusUnavailable("?"), 503), (errors.Unroutable("?"), 503), (errors.MessageTooLarge("?"), 413)],
)
async def test_what_was_surely_not_taken_is_no_run(
    world: World, monkeypatch: pytest.MonkeyPatch, webhook: dict[str, Any], outcome: errors.BusError, status: int
) -> None:
    flow = world.save(samples.flow(saved=samples.document(**webhook)))
    failing_publish(world, monkeypatch, outcome)

    reply = await world.call(flow)

    assert (reply.status, reply.json["data"]) == (status, None)
    assert "Flowhook-Run-Id" not in reply.headers


async def test_a_result_that_overtakes_the_confirm_is_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = world.save(samples.flow())
    publish = world.bus.publish

    def unconfirmed(letter: port.Letter) -> "asyncio.Future[None]":
        outcome = publish(letter)
        return outcome if letter.exchange != topology.RUNS else asyncio.get_running_loop().create_future()

    monkeypatch.setattr(world.bus, "publish", unconfirmed)

    assert (await world.call(flow)).status == 200


async def test_time_that_is_up_before_the_confirm_is_no_promise(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world: World = await start(sync_timeout_seconds=0.05)
    flow = world.save(samples.flow())
    publish = world.bus.publish

    def unconfirmed(letter: port.Letter) -> "asyncio.Future[None]":  # as after a freeze, when all times are up at once
        return publish(letter) if letter.exchange != topology.RUNS else asyncio.get_running_loop().create_future()

    monkeypatch.setattr(world.bus, "publish", unconfirmed)
    reply = await world.call(flow)
    async with asyncio.timeout(5):
        event = await world.events.get()

    assert is_error(reply, 503, "unavailable", event.run_id)
    assert isinstance(event, messages.Refused)


async def test_a_full_lane_is_shed(world: World) -> None:
    flow = world.save(samples.flow())
    load = world.gateway._server._acceptance._shedding._lanes[topology.lane_queue("sync", flow.lane)]
    load.look(10_000, fed=0, elapsed_s=1)

    reply = await world.call(flow)

    assert (reply.status, reply.json["error"], reply.json["data"]) == (503, "unavailable", None)
    assert reply.headers["Retry-After"] == "60"
    assert world.runs.empty()


# --- the end


async def test_a_stop_answers_everybody_who_waits(start: Callable[..., Any]) -> None:
    world: World = await start()
    flow = world.save(samples.flow())
    world.answer = lambda run: None
    calls = [asyncio.create_task(world.call(flow)) for _ in range(3)]
    runs = [await world.runs.get() for _ in calls]

    async with asyncio.timeout(5):
        await world.gateway.stop()
        replies = await asyncio.gather(*calls)

    assert sorted(reply.run_id for reply in replies) == sorted(run.run_id for run in runs)
    assert all(is_error(reply, 503, "unavailable", reply.run_id) for reply in replies)
    async with asyncio.timeout(5):
        told = {(await world.events.get()).run_id for _ in calls}
    assert told == {run.run_id for run in runs}


async def test_a_stop_waits_for_confirms(start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    world: World = await start()
    flow = world.save(samples.flow(saved=samples.document(**ASYNC)))
    confirm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    published = asyncio.Event()

    def publish(letter: port.Letter) -> "asyncio.Future[None]":
        published.set()
        return confirm

    monkeypatch.setattr(world.bus, "publish", publish)
    call = asyncio.create_task(world.call(flow))
    await published.wait()
    stop = asyncio.create_task(world.gateway.stop())
    await asyncio.sleep(0)
    assert not stop.done()

    confirm.set_result(None)

    assert (await call).status == 200
    await stop


async def test_a_taken_port_is_told_in_one_line(world: World) -> None:
    other = World(gateway_port=world.gateway.port)

    with pytest.raises(errors.StartError, match="FLOWHOOK_GATEWAY_PORT"):
        await other.start()

    await other.bus.stop()
    await other.runner_bus.stop()


def failing_publish(world: World, monkeypatch: pytest.MonkeyPatch, error: errors.BusError) -> None:
    """Let every publish of a run fail."""
    publish = world.bus.publish

    def fail(letter: port.Letter) -> "asyncio.Future[None]":
        if letter.exchange != topology.RUNS:
            return publish(letter)
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(outcome.set_exception, error)
        return outcome

    monkeypatch.setattr(world.bus, "publish", fail)
