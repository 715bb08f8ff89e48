"""What a runner without exceptions calls for a flow, and how long a sender waits for a slow one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Installation
from tests.acceptance.outside import Outside

pytestmark = [pytest.mark.processes, pytest.mark.rabbitmq, pytest.mark.postgres]


@pytest.fixture
async def guarded(amqp_url: str, database_url: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation as it comes: no private network is named, and senders wait a second."""
    one = Installation(amqp_url, database_url, tmp_path)
    del one.env["FLOWHOOK_HTTP_ALLOW"]
    one.env["FLOWHOOK_SYNC_TIMEOUT_SECONDS"] = "1"
    await one.start_all()
    yield one
    await one.close()


async def test_the_machine_itself_is_not_called_and_waits_end_in_time(guarded: Installation) -> None:
    async with Outside() as outside:
        port = outside.url.rpartition(":")[2]
        names = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0")
        spying = [
            await guarded.save(flows.flow(flows.webhook(), flows.http("spy", f"http://{name}:{port}/spied")))
            for name in names
        ]
        pause = {"ref": "pause", "type": "delay", "with": {"seconds": "{{ web1.s }}"}}
        slow = await guarded.save(flows.flow(flows.webhook(body='"done"'), pause))

        refused = [await guarded.call(flow) for flow in spying]
        late, quick = await guarded.call(slow, {"s": 2}), await guarded.call(slow, {"s": 0.1})

        assert outside.calls == {}
    assert {(reply.status, reply.json["error"]) for reply in refused} == {(500, "flow_error")}
    errors = [(await guarded.ended(reply.run_id))["error"] for reply in refused]
    assert {error["code"] for error in errors} <= {"http_blocked", "http_request"}  # some are no addresses at all
    assert errors[0]["code"] == "http_blocked"
    assert (late.status, late.json["error"], late.json["data"]) == (408, "timeout", {"run_id": late.run_id})
    assert 1 <= late.waited_s < 2
    assert (quick.status, quick.json) == (200, "done")
    run = await guarded.ended(late.run_id)
    assert (run["status"], run["response"]["body"]) == ("success", '"done"')
