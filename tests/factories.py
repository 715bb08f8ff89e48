"""Valid things of every kind, of which a test says only what it is about."""

from typing import Any

import msgspec

from libs.common import ids, messages

NOW_MS = 1_800_000_000_000
FLOW_ID = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"


def raw(value: Any) -> msgspec.Raw:
    """Return the JSON of a value."""
    return msgspec.Raw(msgspec.json.encode(value))


def http_request(**changes: Any) -> messages.HttpRequest:
    """Return a request as the gateway publishes it."""
    fields: dict[str, Any] = {
        "method": "POST",
        "path": f"/v1/flow-webhook/{FLOW_ID}",
        "query": raw({}),
        "headers": {"content-type": "application/json"},
        "ip": "203.0.113.7",
        "body": '{"a": 1}',
        "received_at_ms": NOW_MS,
    }
    return messages.HttpRequest(**fields | changes)


def run_request(run_id: str | None = None, **changes: Any) -> messages.RunRequest:
    """Return the request of a run that a webhook started."""
    fields: dict[str, Any] = {
        "flow_id": FLOW_ID,
        "flow_name": "A flow",
        "flow_version": 1,
        "document": raw({"name": "A flow", "steps": []}),
        "mode": "sync",
        "lane": 0,
        "reply_to": "gateway-1",
        "trigger": messages.Trigger(kind="webhook"),
        "received_at_ms": NOW_MS,
        "request": http_request(),
        "input": raw({"a": 1}),
    }
    return messages.RunRequest(run_id=run_id or ids.new_id(), **fields | changes)


def step(path: str = "steps[1]", **changes: Any) -> messages.Step:
    """Return a step that succeeded."""
    fields: dict[str, Any] = {
        "ref": "step1",
        "type": "dict",
        "status": "success",
        "started_at_ms": NOW_MS + 10,
        "duration_ms": 2,
        "input": raw({}),
        "output": raw({"b": 2}),
    }
    return messages.Step(path=path, **fields | changes)


def started(run_id: str, **changes: Any) -> messages.Started:
    """Return the first start of a run."""
    fields: dict[str, Any] = {"attempt": 1, "at_ms": NOW_MS + 5, "now_ms": NOW_MS + 5, "runner_id": "runner-1"}
    return messages.Started(run_id=run_id, **fields | changes)


def steps_done(run_id: str, *steps: messages.Step, **changes: Any) -> messages.StepsDone:
    """Return steps that are finished for good."""
    fields: dict[str, Any] = {"attempt": 1, "now_ms": NOW_MS + 5, "steps": steps}
    return messages.StepsDone(run_id=run_id, **fields | changes)


def parked(run_id: str, **changes: Any) -> messages.Parked:
    """Return a run that waits for a minute."""
    fields: dict[str, Any] = {"attempt": 1, "until_ms": NOW_MS + 60_000, "status": "waiting"}
    return messages.Parked(run_id=run_id, **fields | changes)


def result(run_id: str, **changes: Any) -> messages.Result:
    """Return the end of a run that succeeded at its first attempt."""
    fields: dict[str, Any] = {
        "attempt": 1,
        "status": "success",
        "started_at_ms": NOW_MS + 5,
        "finished_at_ms": NOW_MS + 25,
        "queued_ms": 5,
        "run_ms": 20,
        "response": messages.Response(status=200, headers={"Content-Type": "application/json"}, body="null"),
    }
    return messages.Result(run_id=run_id, **fields | changes)


def claim(run_id: str, **changes: Any) -> messages.Claim:
    """Return the claim of a runner that brings no request."""
    fields: dict[str, Any] = {
        "message_id": "message-1",
        "nonce": ids.new_id(),
        "runner_id": "runner-1",
        "at_ms": NOW_MS + 1000,
    }
    return messages.Claim(run_id=run_id, **fields | changes)
