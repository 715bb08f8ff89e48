"""A message that came too often ends its run, in order, and its sender hears of it."""

import json
from collections.abc import AsyncIterator

import pytest

from libs.common import messages, topology
from libs.common.bus import port
from services.debugger.dead import DeadRuns
from tests import factories
from tests.integration.debugger_recording.desk import Desk

pytestmark = pytest.mark.postgres


@pytest.fixture(autouse=True)
async def dead_runs(desk: Desk) -> AsyncIterator[DeadRuns]:
    part = DeadRuns(desk.bus)
    await part.start()
    yield part
    await part.stop()


def buried(message: messages.Message) -> port.Letter:
    return port.letter(topology.DEAD, "runs", message)


async def test_a_dead_request_ends_its_run_and_its_sender_hears_of_it(desk: Desk) -> None:
    request = factories.run_request()

    await desk.outside.publish(buried(request))

    reply = await desk.reply()
    row = await desk.row(request.run_id)
    assert (reply.run_id, reply.status) == (request.run_id, "error")
    assert (row["status"], row["flow_name"], json.loads(row["error"])["code"]) == ("error", "A flow", "crashed")


async def test_a_dead_wake_of_a_run_that_has_ended_changes_nothing(desk: Desk) -> None:
    ended, other = factories.run_request(reply_to=None), factories.run_request()
    await desk.say(ended, factories.result(ended.run_id))
    await desk.reply()  # the result itself

    await desk.outside.publish(buried(messages.Wake(run_id=ended.run_id)))
    await desk.outside.publish(buried(other))
    await desk.reply()  # of the other one, which stood behind

    assert (await desk.row(ended.run_id))["status"] == "success"


async def test_what_is_no_run_is_kept_with_the_dead_events(desk: Desk) -> None:
    desk.listen(topology.DEAD_EVENTS)

    await desk.outside.publish(port.Letter(topology.DEAD, "runs", messages.Wake.schema, b'{"run_id":"kept"}'))
    await desk.outside.publish(buried(messages.Cancel(run_id="a")))

    assert (await desk.hear(topology.DEAD_EVENTS)).run_id == "a"
