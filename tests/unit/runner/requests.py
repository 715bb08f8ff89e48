"""Run requests with everything valid that a test is not about."""

import zlib
from typing import Any

import msgspec

from libs.common import ids, messages, topology
from tests.unit.runner import fakes


def request(
    document: bytes = b"{}", *, run_id: str | None = None, mode: messages.Mode = "sync", **fields: Any
) -> messages.RunRequest:
    """Return a request to run this document as a flow's first version."""
    flow_id = fields.pop("flow_id", "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111")
    given: dict[str, Any] = {
        "run_id": run_id or ids.new_id(),
        "flow_id": flow_id,
        "flow_name": "Test",
        "flow_version": zlib.crc32(document),  # a version is one document for good
        "document": msgspec.Raw(document),
        "mode": mode,
        "lane": topology.lane_of(flow_id),
        "trigger": messages.Trigger(kind="webhook"),
        "received_at_ms": fakes.NOW_MS,
        "input": msgspec.Raw(msgspec.json.encode(fields.pop("input", {}))),
    }
    return messages.RunRequest(**given | fields)
