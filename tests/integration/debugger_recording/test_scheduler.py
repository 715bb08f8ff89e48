"""Parked runs come back when they are due, and not before."""

import asyncio

import pytest

from libs.common import messages, topology
from libs.common.lifecycle import Duty
from services.debugger.scheduler import DueStore, Scheduler
from tests import factories
from tests.integration.debugger_recording.desk import Desk

pytestmark = pytest.mark.postgres

FAR_AHEAD_MS = 4_000_000_000_000


@pytest.fixture
async def scheduler(desk: Desk) -> Scheduler:
    desk.listen(topology.CLAIMED)
    return Scheduler(desk.bus, DueStore(desk.pool), every_s=0.05)


async def test_a_run_that_is_due_is_woken_once(desk: Desk, scheduler: Scheduler) -> None:
    request = factories.run_request()
    await desk.say(request, factories.parked(request.run_id, until_ms=1))

    woken = [await scheduler.wake_due(), await scheduler.wake_due()]

    assert woken == [1, 0]
    assert await desk.hear(topology.CLAIMED) == messages.Wake(run_id=request.run_id)


async def test_a_run_that_is_not_due_is_left_to_wait(desk: Desk, scheduler: Scheduler) -> None:
    request = factories.run_request()
    await desk.say(request, factories.parked(request.run_id, until_ms=FAR_AHEAD_MS), factories.claim(request.run_id))

    assert await scheduler.wake_due() == 0
    assert (await desk.answer()).verdict == "drop"


async def test_a_woken_run_goes_on_and_may_park_again(desk: Desk, scheduler: Scheduler) -> None:
    request = factories.run_request()
    await desk.say(request, factories.parked(request.run_id, until_ms=1))
    await scheduler.wake_due()
    await desk.say(factories.claim(request.run_id))
    answer = await desk.answer()

    await desk.say(factories.parked(request.run_id, attempt=answer.attempt, until_ms=2, status="retrying"))

    assert (answer.verdict, answer.now_ms) == ("go", None)
    assert await scheduler.wake_due() == 1


async def test_a_run_that_parked_again_meanwhile_is_not_marked_as_woken(desk: Desk) -> None:
    request = factories.run_request()
    store = DueStore(desk.pool)
    await desk.say(request, factories.parked(request.run_id, until_ms=1))
    found = await store.due(10)
    await desk.say(factories.claim(request.run_id), factories.parked(request.run_id, attempt=2, until_ms=2))

    await store.mark_woken(found)

    assert [attempt for _, attempt in await store.due(10)] == [2]


async def test_it_sleeps_until_the_next_run_is_due(desk: Desk) -> None:
    near, far = factories.run_request(), factories.run_request()
    store = DueStore(desk.pool)
    before = await store.next_due_in_s()
    await desk.say(
        near, far, factories.parked(near.run_id, until_ms=1), factories.parked(far.run_id, until_ms=FAR_AHEAD_MS)
    )

    due_in_s = await store.next_due_in_s()

    assert before is None
    assert due_in_s is not None
    assert due_in_s < 0


async def test_the_duty_wakes_what_is_parked_while_it_runs(desk: Desk, scheduler: Scheduler) -> None:
    request = factories.run_request()
    duty = Duty("scheduler", scheduler.work)
    await duty.start()

    await desk.say(request, factories.parked(request.run_id, until_ms=1, status="queued"))

    assert (await desk.hear(topology.CLAIMED)).run_id == request.run_id
    await duty.stop()


async def test_nothing_is_marked_as_woken_while_the_broker_is_away(desk: Desk, scheduler: Scheduler) -> None:
    request = factories.run_request()
    await desk.say(request, factories.parked(request.run_id, until_ms=1))
    desk.broker.block()
    waking = asyncio.create_task(scheduler.wake_due())
    still_due = await DueStore(desk.pool).due(1)

    desk.broker.unblock()

    assert await waking == 1
    assert len(still_due) == 1
