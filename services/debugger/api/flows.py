"""The calls on flows: read, save, delete, versions, settings with the webhook's address and token."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from libs.common import errors, ids
from libs.common.flow import program, webhook_secrets
from services.debugger.api import access, answers, cursors, documents, etags, inputs, models, scopes, webhooks
from services.debugger.flow_store import Draft, Flow, FlowPlace, FlowRow, FlowStore


class FlowCalls:
    """Handlers of `/v1/flows`."""

    def __init__(self, flows: FlowStore, addresses: webhooks.WebhookAddresses) -> None:
        self._flows = flows
        self._addresses = addresses

    async def page(self, request: web.Request) -> web.Response:
        """List flows, newest first, without their steps."""
        wanted = inputs.query(request, models.FlowQuery)
        after = cursors.read(wanted.cursor, FlowPlace)
        rows = await self._flows.page(wanted.status, wanted.q, after, wanted.limit + 1)
        shown = rows[: wanted.limit]
        more = len(rows) > wanted.limit
        cursor = cursors.write(FlowPlace(shown[-1].created_at, shown[-1].id)) if more else None
        return answers.json_answer({"items": [_row(row) for row in shown], "next_cursor": cursor})

    async def create(self, request: web.Request) -> web.Response:
        """Save a new flow under the id that its document bears, or a new one."""
        parsed = documents.parse(await request.read(), inputs.media(request))
        flow_id = parsed.id or ids.new_id()
        flow = await self._flows.create(flow_id, documents.draft(parsed, flow_id))
        if flow is None:
            raise errors.Conflict(f"There is a flow {flow_id} already; PUT makes a new version of it.")
        return _answer(request, flow, status=201, headers={"Location": f"/v1/flows/{flow_id}"})

    async def read(self, request: web.Request) -> web.Response:
        """Show a flow's document and version."""
        return _answer(request, await self._find(request))

    async def replace(self, request: web.Request) -> web.Response:
        """Save the document as the flow's next version, unless `If-Match` names another state than it is in."""
        flow_id = inputs.identifier(request, "id", "flow")
        parsed = documents.parse(await request.read(), inputs.media(request))

        def edit(flow: Flow) -> Draft:
            etags.require(request, flow)
            return documents.draft(parsed, flow_id, now=flow)

        return _answer(request, _there(await self._flows.change(flow_id, edit)))

    async def patch(self, request: web.Request) -> web.Response:
        """Change name, status or single settings."""
        flow_id = inputs.identifier(request, "id", "flow")
        wanted = await inputs.read(request, models.FlowPatch)

        def edit(flow: Flow) -> Draft:
            etags.require(request, flow)
            return documents.patched(flow, wanted)

        return _answer(request, _there(await self._flows.change(flow_id, edit)))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a flow; what is queued of it still runs."""
        if not await self._flows.delete(inputs.identifier(request, "id", "flow")):
            raise inputs.missing("flow")
        return answers.nothing()

    async def versions(self, request: web.Request) -> web.Response:
        """List a flow's versions, newest first."""
        wanted = inputs.query(request, models.Query)
        before = cursors.read(wanted.cursor, int)
        rows = await self._flows.versions(inputs.identifier(request, "id", "flow"), before, wanted.limit + 1)
        if not rows and before is None:
            raise inputs.missing("flow")
        shown = rows[: wanted.limit]
        items = [{"version": row.version, "created_at": answers.time(row.created_at)} for row in shown]
        cursor = cursors.write(shown[-1].version) if len(rows) > wanted.limit else None
        return answers.json_answer({"items": items, "next_cursor": cursor})

    async def version(self, request: web.Request) -> web.Response:
        """Show the document of one version, as it was saved."""
        number = inputs.version(request)
        found = await self._flows.version(inputs.identifier(request, "id", "flow"), number)
        if found is None or found.flow_deleted:
            raise inputs.missing("version")
        if answers.wants_yaml(request.headers.get("Accept", "")):
            return answers.yaml_answer(documents.shown_version_as_file(found), comment=f"version {number}")
        return answers.json_answer(documents.shown_version(found))

    async def settings(self, request: web.Request) -> web.Response:
        """Show how the flow is called and how it behaves; its token only to those who may manage it."""
        flow = await self._find(request)
        compiled = program.program_of(
            webhook_secrets.masked(flow.document.encode()), flow_id=flow.id, flow_name=flow.name, version=flow.version
        )
        webhook = compiled.webhook
        opens = webhook is not None and webhook.auth == "token"
        may_see = scopes.Permission.MANAGE in request[access.PERMITTED]
        return answers.json_answer(
            {
                **_row(flow),
                "webhook_url": None if webhook is None else self._addresses.url(flow.id),
                "webhook_token": self._addresses.token(flow.id, flow.token_generation) if opens and may_see else None,
                "previous_token_until": answers.time(flow.previous_until),
                "async": None if webhook is None else webhook.is_async,
                "settings": compiled.settings.model_dump(mode="json"),
            }
        )

    async def rotate(self, request: web.Request) -> web.Response:
        """Make a new webhook token; the last one ends at once or after the overlap."""
        wanted = await inputs.read(request, models.Rotation)
        flow_id = inputs.identifier(request, "id", "flow")
        row = await self._flows.rotate(flow_id, wanted.overlap_seconds)
        if row is None:
            raise inputs.missing("flow")
        return answers.json_answer(
            {
                "webhook_url": self._addresses.url(flow_id),
                "webhook_token": self._addresses.token(flow_id, row.token_generation),
                "previous_token_until": answers.time(row.previous_until),
            }
        )

    async def _find(self, request: web.Request) -> Flow:
        return _there(await self._flows.find(inputs.identifier(request, "id", "flow")))


def _there(flow: Flow | None) -> Flow:
    if flow is None:
        raise inputs.missing("flow")
    return flow


def _row(row: FlowRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "status": row.status,
        "version": row.version,
        "created_at": answers.time(row.created_at),
        "updated_at": answers.time(row.updated_at),
    }


def _answer(
    request: web.Request, flow: Flow, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    headers = {"ETag": etags.of(flow), "Vary": "Accept", **(headers or {})}
    if answers.wants_yaml(request.headers.get("Accept", "")):
        shown = documents.shown_as_file(flow)
        return answers.yaml_answer(shown, comment=f"version {flow.version}", status=status, headers=headers)
    return answers.json_answer(documents.shown(flow), status=status, headers=headers)
