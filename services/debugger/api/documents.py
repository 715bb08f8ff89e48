"""Flow documents on their way in and out: from a body to what is kept, and from what is kept to what is shown."""

from typing import Any, Final

import msgspec

from libs.common import errors
from libs.common.flow import document, program
from services.debugger.api import answers, inputs, models
from services.debugger.flow_store import Draft, Flow, Version

# What is shown with a document and is not of it: taken off again, so that what was read can be changed and sent back.
READ_ONLY: Final = ("version", "created_at", "updated_at")


def parse(body: bytes, media: inputs.Media) -> document.FlowDocument:
    """Return the document that the body bears; `InvalidFlow` with every fault."""
    return document.load(_without_read_only(body) if media == "json" else body, media=media)


def draft(parsed: document.FlowDocument, flow_id: str, *, status: str | None = None) -> Draft:
    """Return what a save of the document sets; `InvalidFlow` where its id or a template is wrong.

    `status` is the flow's own until now: it stays unless the document names one.
    """
    if parsed.id is not None and parsed.id != flow_id:
        raise errors.InvalidFlow((errors.Fault("id", f"is {parsed.id}, but the address names {flow_id}"),))
    kept = status if status is not None and "status" not in parsed.model_fields_set else parsed.status
    whole = parsed.model_copy(update={"id": flow_id, "status": kept})
    program.compile_flow(whole, flow_id=flow_id, version=1)
    return Draft(whole.name, whole.status, whole.to_json().decode())


def patched(flow: Flow, patch: models.FlowPatch) -> Draft:
    """Return what a patch sets. A status alone makes no new version, since it is not of the document that runs."""
    given = patch.model_fields_set
    status = patch.status if "status" in given else flow.status
    if not given & {"name", "settings"}:
        return Draft(flow.name, status, None)
    fields: dict[str, Any] = msgspec.json.decode(flow.document)
    fields |= {"status": status, "settings": fields.get("settings", {}) | patch.settings}
    if "name" in given:
        fields["name"] = patch.name
    return draft(parse(msgspec.json.encode(fields), "json"), flow.id)


def shown(flow: Flow) -> dict[str, Any]:
    """Return the document of a flow with its version and times, every value exactly as it was saved."""
    times = {"created_at": answers.time(flow.created_at), "updated_at": answers.time(flow.updated_at)}
    return {**_own(flow, _fields(flow.document)), "version": flow.version, **times}


def shown_as_file(flow: Flow) -> dict[str, Any]:
    """Return the document alone, as plain values."""
    return _own(flow, msgspec.json.decode(flow.document))


def shown_version(version: Version) -> dict[str, Any]:
    """Return the document of a version as it was saved."""
    return {**_fields(version.document), "version": version.version, "created_at": answers.time(version.created_at)}


def _own(flow: Flow, fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "id": flow.id, "name": flow.name, "status": flow.status}


def _fields(text: str) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


def _without_read_only(body: bytes) -> bytes:
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body  # whoever reads it as a document says what is wrong with it
    if not any(name in fields for name in READ_ONLY):
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in READ_ONLY})
