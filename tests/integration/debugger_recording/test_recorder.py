"""What is said on the bus stands in PostgreSQL, whatever comes twice, late or in another order."""

import asyncio
import json
import random

import msgspec
import pytest

from libs.common import ids, messages, topology
from libs.common.bus import port
from services.debugger.folding import Item
from services.debugger.silence_store import SilenceStore
from tests import factories
from tests.integration.debugger_recording.desk import Desk

pytestmark = pytest.mark.postgres

NOW = factories.NOW_MS


async def test_a_run_is_recorded_with_its_steps(desk: Desk) -> None:
    request = factories.run_request()
    step = factories.step(title="Look it up", input=factories.raw({"a": 1}))

    await desk.say(request, factories.result(request.run_id, steps=(step,)))

    row = await desk.row(request.run_id)
    (recorded,) = await desk.steps(request.run_id)
    assert (row["status"], row["flow_name"], row["queued_ms"], row["run_ms"]) == ("success", "A flow", 5, 20)
    assert json.loads(row["response"]) == {
        "status": 200,
        "headers": {"Content-Type": "application/json"},
        "body": "null",
    }
    assert json.loads(row["request"])["method"] == "POST"
    assert (recorded["title"], recorded["status"], json.loads(recorded["output"])) == (
        "Look it up",
        "success",
        {"b": 2},
    )


async def test_a_result_may_overtake_its_request(desk: Desk) -> None:
    request = factories.run_request()

    await desk.say(factories.result(request.run_id))
    await desk.say(request)

    row = await desk.row(request.run_id)
    assert (row["status"], str(row["flow_id"])) == ("success", request.flow_id)
    assert await desk.journal(request.run_id) == {}


async def test_what_json_can_say_is_kept_exactly(desk: Desk) -> None:
    data = b'{"n":12345678901234567890123,"z":"\\u0000","f":1.50,"e":"\xf0\x9f\x98\x80"}'
    request = factories.run_request(input=msgspec.Raw(data), flow_name="nul \0 here")

    await desk.say(request)

    assert (await desk.row(request.run_id))["input"] == data.decode()


async def test_an_unfinished_run_has_an_exact_journal_and_an_ended_one_has_none(desk: Desk) -> None:
    request = factories.run_request()
    secret = factories.step(output=factories.raw({"headers": {"set-cookie": "s=1"}}))
    await desk.say(request, factories.steps_done(request.run_id, secret))

    journal = await desk.journal(request.run_id)
    (shown,) = await desk.steps(request.run_id)
    await desk.say(factories.result(request.run_id))

    assert messages.decode("run/1", journal[""].encode()) == request
    assert msgspec.json.decode(journal["steps[1]"], type=messages.Step) == secret
    assert json.loads(shown["output"]) == {"headers": {"set-cookie": "***"}}
    assert await desk.journal(request.run_id) == {}


async def test_a_claim_is_answered_with_request_and_journal(desk: Desk) -> None:
    request = factories.run_request()
    step = factories.step()
    await desk.say(request, factories.started(request.run_id), factories.steps_done(request.run_id, step))

    await desk.say(factories.claim(request.run_id))

    answer = await desk.answer()
    assert (answer.verdict, answer.attempt, answer.now_ms) == ("go", 2, NOW + 5)
    assert (answer.request, answer.journal) == (request, (step,))


async def test_what_a_superseded_attempt_says_does_not_count(desk: Desk) -> None:
    request = factories.run_request()
    await desk.say(request, factories.started(request.run_id), factories.claim(request.run_id))

    await desk.say(
        factories.steps_done(request.run_id, factories.step()),
        factories.result(request.run_id, status="error"),
        factories.result(request.run_id, attempt=2),
    )

    assert (await desk.row(request.run_id))["status"] == "success"
    assert await desk.steps(request.run_id) == []


async def test_the_same_claim_has_the_same_answer(desk: Desk) -> None:
    request = factories.run_request()
    claim = factories.claim(request.run_id)

    await desk.say(request, claim)
    await desk.say(claim)

    assert await desk.answer() == await desk.answer()


async def test_two_claims_at_once_are_granted_once(desk: Desk) -> None:
    request = factories.run_request()

    await desk.say(
        request,
        factories.claim(request.run_id, message_id="message-1"),
        factories.claim(request.run_id, message_id="message-2"),
    )

    assert [(await desk.answer()).verdict, (await desk.answer()).verdict] == ["go", "drop"]


async def test_a_run_that_lost_five_runners_ends_as_crashed_and_its_sender_hears_of_it(desk: Desk) -> None:
    request = factories.run_request()
    await desk.say(request)
    for attempt in range(1, 7):
        await desk.say(factories.claim(request.run_id, suspect=True))
        await desk.answer()
        await desk.say(factories.started(request.run_id, attempt=attempt + 1))

    row = await desk.row(request.run_id)
    reply = await desk.reply()

    assert (row["status"], json.loads(row["error"])["code"], row["lost"]) == ("error", "crashed", 5)
    assert reply.error is not None
    assert reply.error.code == "crashed"
    assert await desk.journal(request.run_id) == {}


async def test_a_long_park_keeps_its_time(desk: Desk) -> None:
    request = factories.run_request()

    await desk.say(request, factories.started(request.run_id), factories.parked(request.run_id, until_ms=NOW + 1234))

    row = await desk.row(request.run_id)
    assert (row["status"], row["holder"], round(row["parked_until"].timestamp() * 1000)) == (
        "waiting",
        None,
        NOW + 1234,
    )


async def test_nothing_accepted_is_missing_whatever_comes_twice_or_in_another_order(desk: Desk) -> None:
    """Events of one run keep their order, as its runner confirms them; request copies and whole batches need not."""
    chance = random.Random(7)
    requests = [factories.run_request(lane=number % 4) for number in range(60)]
    streams: list[list[Item]] = [[request] for request in requests]
    streams += [_life(request.run_id, chance) for request in requests]

    await desk.say(*_interleaved(streams, chance))
    await desk.say(*_interleaved(streams, chance))

    rows = await desk.pool.fetch("select status, flow_id is not null as known, finished_at from runs")
    assert len(rows) == 60
    assert all(row["known"] for row in rows)
    assert {row["status"] for row in rows} <= {"success", "error", "running"}
    assert await desk.pool.fetchval("select count(distinct run_id) from run_journals") == sum(
        row["finished_at"] is None for row in rows
    )


def _life(run_id: str, chance: random.Random) -> list[Item]:
    life: list[Item] = [factories.started(run_id), factories.steps_done(run_id, factories.step())]
    if chance.random() < 0.8:
        life.append(factories.result(run_id, status=chance.choice(["success", "error"])))
    return life


def _interleaved(streams: list[list[Item]], chance: random.Random) -> list[Item]:
    left = [list(stream) for stream in streams]
    items = []
    while left:
        stream = chance.choice(left)
        items.append(stream.pop(0))
        if not stream:
            left.remove(stream)
    return items


async def test_an_event_that_spoils_its_batch_is_put_aside_alone(desk: Desk) -> None:
    good = [factories.run_request() for _ in range(9)]
    bad = factories.run_request(run_id="no-uuid")
    worse = factories.run_request(flow_version=2**40)

    await desk.say(*good[:4], bad, *good[4:], worse)

    assert await desk.pool.fetchval("select count(*) from runs") == 9
    assert desk.depth(topology.DEAD_EVENTS) == 2
    assert desk.depth(topology.RECORD) == 0


async def test_what_cannot_be_read_is_put_aside(desk: Desk) -> None:
    request = factories.run_request()
    unreadable = port.Letter(topology.EVENTS, "step", "event/99", b"{}")

    await asyncio.gather(desk.outside.publish(unreadable), *desk.publish(request))

    assert desk.depth(topology.DEAD_EVENTS) == 1
    assert (await desk.row(request.run_id))["status"] == "queued"


async def test_a_run_of_another_day_is_not_refused(desk: Desk) -> None:
    request = factories.run_request(run_id="01000000-0000-7000-8000-000000000000")

    await desk.say(request)

    assert (await desk.row(request.run_id))["status"] == "queued"


async def test_a_claim_for_a_runner_that_is_gone_holds_nobody_up(desk: Desk) -> None:
    request = factories.run_request()

    await desk.say(request, factories.claim(request.run_id, runner_id=ids.new_id()))

    assert (await desk.row(request.run_id))["attempt"] == 2


async def test_the_next_recorder_goes_on_where_this_one_stopped(desk: Desk) -> None:
    first, second = factories.run_request(), factories.run_request()
    await desk.say(first)
    await desk.recorder.stop()
    waiting = desk.publish(second, factories.result(first.run_id))

    desk.recorder = desk.new_recorder(desk.bus)
    await desk.recorder.start()
    await asyncio.gather(*waiting)

    assert (await desk.row(first.run_id))["status"] == "success"
    assert (await desk.row(second.run_id))["status"] == "queued"


async def test_a_batch_whose_channel_is_lost_comes_again_and_counts_once(desk: Desk) -> None:
    requests = [factories.run_request() for _ in range(20)]
    claims = [factories.claim(request.run_id) for request in requests]
    desk.publish(*requests, *claims)
    await asyncio.sleep(0)  # the deliveries are in the recorder's hands

    desk.broker.down()
    desk.broker.up()
    await desk.say(*(factories.started(request.run_id, attempt=2) for request in requests))

    answers = [await desk.answer() for _ in requests]
    assert {(answer.verdict, answer.attempt) for answer in answers} == {("go", 2)}
    assert await desk.pool.fetchval("select count(*) from runs where status = 'running' and lost = 0") == 20


async def test_no_answer_is_lost_while_the_broker_takes_nothing(desk: Desk) -> None:
    request = factories.run_request()
    await desk.say(request)

    async with SilenceStore(desk.pool).recorded("mark-1") as committed, asyncio.timeout(20):
        waiting = desk.publish(factories.claim(request.run_id), messages.Mark(run_id="mark-1"))
        desk.broker.block()
        await committed
    desk.broker.unblock()

    assert (await desk.answer()).verdict == "go"
    await asyncio.gather(*waiting)
