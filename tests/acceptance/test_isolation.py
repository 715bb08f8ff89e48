"""What one flow does wrong is its own affair; what it may not do it cannot."""

import asyncio
import statistics

import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation

pytestmark = [
    pytest.mark.processes,
    pytest.mark.rabbitmq,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="session"),
]

BOMBS = (
    "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "{{ 'x' * 10 ** 9 }}",
    "{{ 9 ** (9 ** 9) }}",
    "{{ range(10 ** 9) | list | length }}",
    "{{ ('a' * 40 ~ 'b') | regex_replace('(a|aa)+$', '') }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
)


async def test_template_bombs_fail_their_own_runs_and_hold_up_nobody(shared: Installation) -> None:
    good = await shared.save(flows.echo())
    bad = [await bomb(shared, template) for template in BOMBS]
    await shared.call(good, {"n": 0})

    async def explode(flow: Flow) -> list[int]:
        return [(await shared.call(flow)).status for _ in range(5)]

    bombing = asyncio.gather(*map(explode, bad))
    replies = []
    while not bombing.done():
        replies.append(await shared.call(good, {"n": 1}))

    assert await bombing == [[500] * 5] * len(BOMBS)
    assert {reply.status for reply in replies} == {200}
    assert statistics.median(reply.waited_s for reply in replies) < 5  # on a machine that does much else
    assert all(process.alive for process in shared.processes)


async def bomb(installation: Installation, template: str) -> Flow:
    """Save a flow that renders this."""
    return await installation.save(
        flows.flow(flows.webhook(), {"ref": "bomb", "type": "dict", "with": {"x": template}})
    )


async def test_terminate_answers_with_its_own_response(shared: Installation) -> None:
    end = {"status": "success", "message": "enough", "response": {"status": 202, "body": '{"n": {{ web1.n }}}'}}
    flow = await shared.save(flows.flow(flows.webhook(body="never"), {"ref": "end", "type": "terminate", "with": end}))

    reply = await shared.call(flow, {"n": 7})

    assert (reply.status, reply.json) == (202, {"n": 7})
    run = await shared.ended(reply.run_id)
    assert run["status"] == "success"
    assert run["response"]["status"] == 202


async def test_terminate_in_error_may_answer_all_the_same(shared: Installation) -> None:
    end = {"status": "error", "message": "no such order", "response": {"status": 422, "body": '{"why": "unknown"}'}}
    flow = await shared.save(flows.flow(flows.webhook(), {"ref": "end", "type": "terminate", "with": end}))

    reply = await shared.call(flow, {})

    assert (reply.status, reply.json) == (422, {"why": "unknown"})
    run = await shared.ended(reply.run_id)
    assert run["status"] == "error"
    assert run["error"] == {"code": "terminated", "message": "no such order", "step": "end"}
