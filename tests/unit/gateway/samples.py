"""Flows and tokens as the gateway's tests need them; what a test is about, it says itself."""

from typing import Any
from uuid import uuid4

import msgspec

from libs.common import keys, webhook_tokens
from services.gateway.flows import Flow, State

SECRET = "an-installation-secret-for-tests-0123456789"
KEY = keys.derive(SECRET, "webhook-tokens")
FLOW_ID = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"
OTHER_ID = "11111111-2222-4333-8444-555555555555"


def state(**changes: Any) -> State:
    return State(**{"name": "Lookup", "status": "active", "version": 1, "generation": 1, **changes})


def document(*steps: dict[str, Any], **webhook: Any) -> bytes:
    first = {"ref": "web1", "type": "webhook", "with": webhook}
    return msgspec.json.encode({"name": "Lookup", "status": "active", "steps": [first, *steps]})


def flow(flow_id: str = FLOW_ID, *, saved: bytes | None = None, **changes: Any) -> Flow:
    """Return a flow, with an id of its own if it has a document of its own: a version never changes."""
    if saved is not None:
        return Flow.of(str(uuid4()), state(**changes), saved)
    return Flow(flow_id, state(**changes), document())


def token(flow_id: str = FLOW_ID, generation: int = 1) -> str:
    return webhook_tokens.sign(KEY, flow_id=flow_id, generation=generation)
