"""Flows with their immutable versions and the generation of their webhook tokens, in PostgreSQL.

The row of a flow holds what changes (name, status, which version is current); a version never changes. Gateways hear
of every change of a row when it commits, by a trigger of the schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.debugger import statements


@dataclass(frozen=True, slots=True)
class FlowRow:
    """A flow without its document."""

    id: str
    name: str
    status: str
    version: int
    token_generation: int
    previous_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Flow(FlowRow):
    """A flow with the document of its current version, as JSON."""

    document: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a save sets. `document` None keeps the current version and makes no new one."""

    name: str
    status: str
    document: str | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version in a list."""

    version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a flow; `flow_deleted` where the flow itself is gone."""

    flow_id: str
    flow_name: str
    version: int
    document: str
    created_at: datetime
    flow_deleted: bool


@dataclass(frozen=True, slots=True)
class FlowPlace:
    """A place in the list of flows: behind this one."""

    created_at: datetime
    id: str


class FlowStore:
    """The flows of an installation."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(self, flow_id: str, draft: Draft) -> Flow | None:
        """Keep a new flow; None if one of this id lives. A deleted one comes back with its next version."""
        assert draft.document is not None
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(statements.load("insert_flow"), UUID(flow_id), draft.name, draft.status)
            if row is None:
                return None
            await _keep_version(connection, row, draft.document)
            return _flow(row, draft.document)

    async def change(self, flow_id: str, edit: Callable[[Flow], Draft]) -> Flow | None:
        """Save what `edit` makes of the flow, which nobody else changes meanwhile; None if there is no such flow.

        An exception that `edit` raises changes nothing and is passed on.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(statements.load("lock_flow"), UUID(flow_id))
            row = await connection.fetchrow(statements.load("find_flow"), UUID(flow_id))
            return None if row is None else await _save(connection, _flow(row, row["document"]), edit)

    async def find(self, flow_id: str) -> Flow | None:
        """Return the flow, or None where there is none (any more)."""
        row = await self._pool.fetchrow(statements.load("find_flow"), UUID(flow_id))
        return None if row is None else _flow(row, row["document"])

    async def page(self, status: str | None, text: str | None, after: FlowPlace | None, limit: int) -> list[FlowRow]:
        """Return flows, newest first, that bear `text` in their name or as their id."""
        place = (None, None) if after is None else (after.created_at, UUID(after.id))
        rows = await self._pool.fetch(statements.load("list_flows"), status, text, *place, limit)
        return [FlowRow(**_columns(row)) for row in rows]

    async def delete(self, flow_id: str) -> bool:
        """Delete the flow; tell whether it was there. Its versions stay, since runs of it may still be queued."""
        return await self._pool.fetchval(statements.load("delete_flow"), UUID(flow_id)) is not None

    async def versions(self, flow_id: str, before: int | None, limit: int) -> list[VersionRow]:
        """Return the flow's versions, newest first; none where there is no such flow."""
        rows = await self._pool.fetch(statements.load("list_flow_versions"), UUID(flow_id), before, limit)
        return [VersionRow(row["version"], row["created_at"]) for row in rows]

    async def version(self, flow_id: str, number: int) -> Version | None:
        """Return one version, also of a deleted flow; None where there is none."""
        row = await self._pool.fetchrow(statements.load("find_flow_version"), UUID(flow_id), number)
        if row is None:
            return None
        return Version(
            str(row["flow_id"]), row["name"], row["version"], row["document"], row["created_at"], row["deleted"]
        )

    async def rotate(self, flow_id: str, overlap_s: float) -> FlowRow | None:
        """Raise the generation of the webhook's tokens, the last one staying good for the overlap; None: no flow."""
        row = await self._pool.fetchrow(statements.load("rotate_webhook_token"), UUID(flow_id), overlap_s)
        return None if row is None else FlowRow(**_columns(row))


async def _save(connection: Any, flow: Flow, edit: Callable[[Flow], Draft]) -> Flow:
    draft = edit(flow)
    version = flow.version if draft.document is None else flow.version + 1
    row = await connection.fetchrow(statements.load("update_flow"), UUID(flow.id), draft.name, draft.status, version)
    if draft.document is None:
        return _flow(row, flow.document)
    await _keep_version(connection, row, draft.document)
    return _flow(row, draft.document)


async def _keep_version(connection: Any, row: asyncpg.Record, document: str) -> None:
    await connection.execute(statements.load("insert_flow_version"), row["id"], row["current_version"], document)


def _columns(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "status": row["status"],
        "version": row["current_version"],
        "token_generation": row["token_generation"],
        "previous_until": row["previous_until"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _flow(row: asyncpg.Record, document: str) -> Flow:
    return Flow(**_columns(row), document=document)
