"""Flow documents on their way in and out."""

import json
from datetime import UTC, datetime

import pytest

from libs.common import errors
from services.debugger.api import documents, models
from services.debugger.flow_store import Flow

FLOW_ID = "0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111"
AT = datetime(2026, 11, 25, tzinfo=UTC)


def body(**changes: object) -> bytes:
    document = {"name": "A flow", "status": "active", "steps": [{"ref": "web1", "type": "webhook"}]}
    return json.dumps({**document, **changes}).encode()


def saved(**changes: object) -> Flow:
    draft = documents.draft(documents.parse(body(**changes), "json"), FLOW_ID)
    assert draft.document is not None
    return Flow(FLOW_ID, draft.name, draft.status, 3, 1, None, AT, AT, draft.document)


def test_what_was_read_can_be_sent_back() -> None:
    shown = json.dumps(documents.shown(saved()), default=lambda raw: json.loads(bytes(raw)))

    again = documents.draft(documents.parse(shown.encode(), "json"), FLOW_ID)

    assert again.document == saved().document


def test_an_id_other_than_the_address_says_is_a_fault() -> None:
    parsed = documents.parse(body(id="11111111-1111-4111-8111-111111111111"), "json")

    with pytest.raises(errors.InvalidFlow) as refused:
        documents.draft(parsed, FLOW_ID)

    assert [fault.path for fault in refused.value.faults] == ["id"]


def test_a_document_without_a_status_leaves_it_as_it_is() -> None:
    fields = json.loads(body())
    del fields["status"]
    parsed = documents.parse(json.dumps(fields).encode(), "json")
    paused = saved(status="paused")

    assert documents.draft(parsed, FLOW_ID, now=paused).status == "paused"
    assert documents.draft(documents.parse(body(), "json"), FLOW_ID, now=paused).status == "active"


def test_a_status_alone_makes_no_new_version() -> None:
    draft = documents.patched(saved(), models.FlowPatch(status="paused"))

    assert (draft.status, draft.document) == ("paused", None)


def test_patched_settings_go_beside_the_others() -> None:
    flow = saved(settings={"retries": False, "retention_days": 7})

    draft = documents.patched(flow, models.FlowPatch(settings={"retention_days": 90}))

    assert draft.document is not None
    settings = json.loads(draft.document)["settings"]
    assert (settings["retries"], settings["retention_days"]) == (False, 90)
    assert draft.status == "active"


def test_a_patch_that_spoils_the_document_is_refused_with_every_fault() -> None:
    with pytest.raises(errors.InvalidFlow) as refused:
        documents.patched(saved(), models.FlowPatch(name=" ", settings={"retention_days": 8, "colour": "red"}))

    paths = sorted(fault.path for fault in refused.value.faults)
    assert paths == ["name", "settings.colour", "settings.retention_days"]


def test_large_numbers_are_shown_as_they_were_saved() -> None:
    flow = saved(steps=[{"ref": "d", "type": "dict", "with": {"n": 10**40}}])

    steps = bytes(documents.shown(flow)["steps"])

    assert json.loads(steps)[0]["with"]["n"] == 10**40
