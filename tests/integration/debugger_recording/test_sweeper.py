"""What was accepted and has lost its message comes back; what was refused and never showed is closed.

The sweeper's clock is the test's, and counts minutes from a day that is long past: what the database stamps is later.
"""

import json
import time

import pytest

from libs.common import ids, messages, topology
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.debugger import proofs
from services.debugger.silence_store import SilenceStore
from services.debugger.sweeper import Sweeper
from tests import factories
from tests.integration.debugger_recording.desk import Desk

pytestmark = pytest.mark.postgres

AGES = proofs.Ages(claim_hold_s=300, sweep_after_s=360, sweep_anyway_s=4500)
MINUTE = 60_000
BEGIN_MS = (int(time.time()) - 10 * 24 * 3600) * 1000


class Clock:
    def __init__(self) -> None:
        self.now_ms = BEGIN_MS

    def __call__(self) -> int:
        return self.now_ms

    def at(self, minute: float) -> None:
        self.now_ms = BEGIN_MS + round(minute * MINUTE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sweeper(desk: Desk, clock: Clock) -> Sweeper:
    desk.listen(topology.CLAIMED)
    return Sweeper(desk.bus, SilenceStore(desk.pool), AGES, every_s=1, clock=clock)


def accepted(minute: float = 0, lane: int = 0) -> messages.RunRequest:
    return factories.run_request(lane=lane, received_at_ms=BEGIN_MS + round(minute * MINUTE))


async def lose(desk: Desk) -> None:
    """Take the one message that a lane's queue holds, and whatever will come."""
    queue = topology.lane_queue("sync", 0)
    desk.listen(queue)
    await desk.hear(queue)


async def swept(desk: Desk) -> int:
    return int(await desk.pool.fetchval("select count(*) from runs where swept_at is not null"))


async def test_a_run_whose_queue_was_purged_comes_back_once(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    request = accepted()
    await desk.say(request)
    await lose(desk)

    for minute in (2, 4, 8, 9):
        clock.at(minute)
        await sweeper.sweep()

    assert await desk.hear(topology.CLAIMED) == messages.Wake(run_id=request.run_id, replaces=messages.Holder(None, 1))
    assert desk.depth(topology.CLAIMED) == 0
    assert await swept(desk) == 1


async def test_a_swept_run_goes_on_by_a_claim(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    request = accepted()
    await desk.say(request)
    await lose(desk)
    for minute in (2, 9):
        clock.at(minute)
        await sweeper.sweep()
    wake = await desk.hear(topology.CLAIMED)

    await desk.say(factories.claim(request.run_id, replaces=wake.replaces))

    assert (await desk.answer()).request == request
    assert await swept(desk) == 0


async def test_a_run_that_may_still_be_in_its_queue_is_left(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    await desk.say(accepted())

    for minute in (2, 7, 60):
        clock.at(minute)
        await sweeper.sweep()

    assert await swept(desk) == 0


async def test_a_run_that_a_runner_may_hold_unstarted_is_left(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    await desk.say(accepted())
    await lose(desk)
    clock.at(2)
    await sweeper.sweep()

    clock.at(7.9)
    await sweeper.sweep()

    assert await swept(desk) == 0


async def test_a_run_that_was_accepted_later_and_has_long_begun_proves_it_too(
    desk: Desk, sweeper: Sweeper, clock: Clock
) -> None:
    lost, begun = accepted(0), accepted(2)
    await desk.say(lost, begun, factories.started(begun.run_id, at_ms=begun.received_at_ms))

    clock.at(9)
    await sweeper.sweep()

    assert (await desk.hear(topology.CLAIMED)).run_id == lost.run_id
    assert await swept(desk) == 1


async def test_one_that_was_claimed_proves_nothing(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    begun = accepted(2)
    start = factories.started(begun.run_id, attempt=2, at_ms=begun.received_at_ms)
    await desk.say(accepted(0), begun, factories.claim(begun.run_id), start)

    clock.at(9)
    await sweeper.sweep()

    assert await swept(desk) == 0


async def test_in_any_case_a_run_comes_back_when_its_message_must_be_claimed(
    desk: Desk, sweeper: Sweeper, clock: Clock
) -> None:
    await desk.say(accepted())

    clock.at(76)
    await sweeper.sweep()

    assert await swept(desk) == 1


async def test_what_shows_a_sign_of_life_before_the_mark_is_left(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    """The result waits in the recorder's queue when the sweeper looks; its mark comes behind it."""
    request = accepted()
    await desk.say(request)
    await lose(desk)
    clock.at(2)
    await sweeper.sweep()
    clock.at(8)
    await desk.recorder.stop()
    late = desk.publish(factories.result(request.run_id))
    desk.recorder = desk.new_recorder(desk.bus)
    await desk.recorder.start()

    await sweeper.sweep()
    await late[0]

    assert await swept(desk) == 0
    assert desk.depth(topology.CLAIMED) == 0


async def test_a_refused_run_that_never_showed_is_closed(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    known, unknown = accepted(), ids.new_id()
    await desk.say(known, *(messages.Refused(run_id=run_id, at_ms=1) for run_id in (known.run_id, unknown)))
    await desk.pool.execute("update runs set received_at = to_timestamp($1)", BEGIN_MS / 1000)
    await lose(desk)

    for minute in (2, 8):
        clock.at(minute)
        await sweeper.sweep()

    for run_id in (known.run_id, unknown):
        row = await desk.row(run_id)
        assert (row["status"], json.loads(row["error"])["code"]) == ("error", "unavailable")
    assert desk.depth(topology.CLAIMED) == 0
    assert await desk.journal(known.run_id) == {}


async def test_a_refused_run_that_shows_all_the_same_is_no_error(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    request = accepted()
    await desk.say(request, messages.Refused(run_id=request.run_id, at_ms=1), factories.result(request.run_id))

    clock.at(76)
    await sweeper.sweep()

    assert (await desk.row(request.run_id))["status"] == "success"


async def test_a_silent_run_comes_back_only_from_the_attempt_that_holds_it(
    desk: Desk, sweeper: Sweeper, clock: Clock
) -> None:
    request = accepted()
    await desk.say(
        request, factories.claim(request.run_id, message_id="lost"), factories.started(request.run_id, attempt=2)
    )
    await desk.pool.execute("update runs set seen_at = to_timestamp($1)", BEGIN_MS / 1000)

    clock.at(76)
    await sweeper.sweep()

    assert (await desk.hear(topology.CLAIMED)).replaces == messages.Holder("lost", 2)


async def test_a_run_that_sleeps_is_left_to_the_scheduler(desk: Desk, sweeper: Sweeper, clock: Clock) -> None:
    request = accepted()
    await desk.say(request, factories.parked(request.run_id, until_ms=4_000_000_000_000))
    await desk.pool.execute("update runs set seen_at = to_timestamp($1)", BEGIN_MS / 1000)

    clock.at(600)
    await sweeper.sweep()

    assert await swept(desk) == 0


async def test_after_the_start_of_a_broker_that_forgets_all_unfinished_runs_come_back(desk: Desk, clock: Clock) -> None:
    waiting, running, ended, later = accepted(), accepted(), accepted(), accepted(20)
    await desk.say(waiting, running, ended, later, factories.started(running.run_id), factories.result(ended.run_id))
    await desk.pool.execute("update runs set seen_at = received_at where seen_at is not null")
    clock.at(10)
    empty = MemoryBus(MemoryBroker(topology.TOPOLOGY))
    await empty.start()

    await Sweeper(empty, SilenceStore(desk.pool), AGES, every_s=1, forgetful=True, clock=clock).sweep()

    assert await empty.depths((topology.CLAIMED,)) == {topology.CLAIMED: 2}
    assert await swept(desk) == 2
    empty.kill()
