"""Entity tags of flows: what a caller has read, so that nobody's change is overwritten unseen (RFC 9110, 13.1.1)."""

from aiohttp import web

from libs.common import errors
from services.debugger.flow_store import Flow


def of(flow: Flow) -> str:
    """Return the tag of the flow as it is. The status is in it, since it changes without a new version."""
    return f'"{flow.version}-{flow.status}"'


def require(request: web.Request, flow: Flow) -> None:
    """Raise `PreconditionFailed` if the caller's `If-Match` names another state of the flow than this one."""
    given = request.headers.get("If-Match")
    if given is None:
        return
    tags = [tag.strip() for tag in given.split(",")]
    if "*" not in tags and of(flow) not in tags:
        raise errors.PreconditionFailed(
            f"The flow has changed since it was read; it is at version {flow.version} now.",
            data={"version": flow.version, "etag": of(flow)},
        )
