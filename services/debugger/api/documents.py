"""Flow documents on their way in and out: from a body to what is kept, and from what is kept to what is shown.

What is shown has masks for the secrets of its webhook; a mask that comes in stands for the secret that is kept.
"""

from typing import Any, Final

import msgspec

from libs.common import errors
from libs.common.flow import document, program, webhook_secrets
from services.debugger.api import answers, inputs, models
from services.debugger.flow_store import Draft, Flow, Version

# What is shown with a document and is not of it: taken off again, so that what was read can be changed and sent back.
READ_ONLY: Final = ("version", "created_at", "updated_at")


def parse(body: bytes, media: inputs.Media) -> document.FlowDocument:
    """Return the document that the body bears; `InvalidFlow` with every fault."""
    return document.load(_without_read_only(body) if media == "json" else body, media=media)


def draft(parsed: document.FlowDocument, flow_id: str, *, now: Flow | None = None) -> Draft:
    """Return what a save of the document sets; `InvalidFlow` where its id, a template or a mask is wrong.

    `now` is the flow as it is: its status stays unless the document names one, and so do the secrets behind masks.
    """
    if parsed.id is not None and parsed.id != flow_id:
        raise errors.InvalidFlow((errors.Fault("id", f"is {parsed.id}, but the address names {flow_id}"),))
    kept = now.status if now is not None and "status" not in parsed.model_fields_set else parsed.status
    unmasked = webhook_secrets.put_back(parsed, None if now is None else now.document.encode())
    whole = unmasked.model_copy(update={"id": flow_id, "status": kept})
    if unmasked is not parsed:
        document.load(whole.to_json(), media="json")  # what a mask stands for may be no secret of another preset
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
    return {**_own(flow, _fields(_masked(flow.document))), "version": flow.version, **times}


def shown_as_file(flow: Flow) -> dict[str, Any]:
    """Return the document alone, as plain values."""
    return _own(flow, msgspec.json.decode(_masked(flow.document)))


def shown_version(version: Version) -> dict[str, Any]:
    """Return the document of a version as it was saved."""
    return {
        **_fields(_masked(version.document)),
        "version": version.version,
        "created_at": answers.time(version.created_at),
    }


def shown_version_as_file(version: Version) -> Any:
    """Return the document of a version alone, as plain values."""
    return msgspec.json.decode(_masked(version.document))


def _masked(document: str) -> bytes:
    return webhook_secrets.masked(document.encode())


def _own(flow: Flow, fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "id": flow.id, "name": flow.name, "status": flow.status}


def _fields(text: bytes) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


def _without_read_only(body: bytes) -> bytes:
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body  # whoever reads it as a document says what is wrong with it
    if not any(name in fields for name in READ_ONLY):
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name not in READ_ONLY})
