"""Flows that are changed, paused, deleted or given a new token while senders call them and runs wait."""

from collections.abc import Callable

import pytest

from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation, Reply
from tests.acceptance.outside import Outside
from tests.acceptance.processes import eventually

pytestmark = [
    pytest.mark.processes,
    pytest.mark.rabbitmq,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="session"),
]

PAUSED = {
    "status": 200,
    "error": "biz_logic",
    "message": "Flow status is `paused`. Unpause to run this flow using a webhook",
    "data": None,
}


async def first(installation: Installation, flow: Flow, wanted: Callable[[Reply], bool]) -> Reply:
    """Call a flow until the reply is of this kind; AssertionError if its gateway has not heard within a second."""

    async def look() -> Reply | None:
        reply = await installation.call(flow, {"n": 1})
        return reply if wanted(reply) else None

    return await eventually(look, within_s=1.0, what="another answer")


async def test_paused_flow_runs_nothing_and_a_draft_runs(shared: Installation) -> None:
    flow = await shared.save(flows.echo())

    await shared.api("PATCH", f"/v1/flows/{flow.id}", {"status": "paused"})
    paused = await first(shared, flow, lambda reply: "Flowhook-Run-Id" not in reply.headers)
    again = await shared.call(flow, {"n": 2})
    await shared.api("PATCH", f"/v1/flows/{flow.id}", {"status": "draft"})
    draft = await first(shared, flow, lambda reply: "Flowhook-Run-Id" in reply.headers)

    assert (paused.status, paused.json) == (again.status, again.json) == (200, PAUSED)
    assert (draft.status, draft.json) == (200, {"n": 2})
    await shared.ended(draft.run_id)
    inputs = [(await shared.run(run["id"]))["input"] for run in await shared.all_runs(flow.id)]
    assert {"n": 1} in inputs
    assert {"n": 2} not in inputs


async def test_rotated_token_opens_nothing_within_a_second_and_the_new_one_does(shared: Installation) -> None:
    flow = await shared.save(flows.echo())
    assert (await shared.call(flow, {"n": 1})).status == 200

    await shared.api("POST", f"/v1/flows/{flow.id}/webhook-token/rotate", {"overlap_seconds": 0})
    refused = await first(shared, flow, lambda reply: reply.status == 401)
    settings = await shared.api("GET", f"/v1/flows/{flow.id}/settings")
    opened = await shared.call(Flow(flow.id, settings["webhook_token"]), {"n": 2})

    assert refused.json["error"] == "unauthorized"
    assert (opened.status, opened.json) == (200, {"n": 4})


async def test_queued_runs_keep_their_version_and_outlive_their_flow(shared: Installation) -> None:
    async with Outside() as outside:
        outside.hold("/gate")
        flow = await shared.save(versioned(outside, "old"))
        held = [await shared.call(flow, {"n": n}) for n in range(40)]  # more than one runner does at once

        await shared.api("PUT", f"/v1/flows/{flow.id}", versioned(outside, "new"))
        newer = await first(shared, flow, lambda reply: reply.json == "new")
        await shared.api("DELETE", f"/v1/flows/{flow.id}")
        gone = await first(shared, flow, lambda reply: reply.status == 404)
        outside.release("/gate")

        runs = [await shared.ended(reply.run_id) for reply in (*held, newer)]
    assert gone.json["error"] == "not_found"
    assert {run["status"] for run in runs} == {"success"}
    assert [run["steps"][-1]["output"]["is"] for run in runs] == ["old"] * 40 + ["new"]
    assert [run["flow_version"] for run in runs] == [1] * 40 + [2]


def versioned(outside: Outside, name: str) -> dict[str, object]:
    """Return an asynchronous flow whose runs say which version they are of."""
    return flows.flow(
        flows.webhook(is_async=True, response={"body": f'"{name}"'}),
        flows.http("gate", f"{outside.url}/gate"),
        {"ref": "version", "type": "dict", "with": {"is": name}},
    )
