"""What the tests of the API do with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestClient

from libs.common import ids, messages
from services.debugger.api.routes import Route
from services.debugger.flow_store import FlowStore
from services.debugger.record_store import RecordStore

PUBLIC_URL: Final = "https://hooks.example.com"
SECRET: Final = "an-installation-secret-for-tests-0123456789"
MAX_BODY: Final = 64 * 1024
SCOPES: Final = ("automation", "automation.manage", "automation.view", "automation.webhook_run")
NOBODY: Final = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Reply:
    """An answer of the API, read."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.text)

    @property
    def faults(self) -> list[str]:
        """The paths of its faults."""
        return [fault["path"] for fault in self.json["data"]["faults"]]


@dataclass(frozen=True)
class World:
    """The API, its tokens by scope, and the stores behind it."""

    client: "TestClient[web.Request, web.Application]"
    tokens: Mapping[str, str]
    flows: FlowStore
    record: RecordStore
    pool: asyncpg.Pool
    table: tuple[Route, ...]

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        scope: str | None = "automation",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Call the API with a token of this scope, or none; texts and bytes are sent as they are."""
        allowed = {} if scope is None else {"Authorization": f"Bearer {self.tokens[scope]}"}
        raw = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        sent = {"Content-Type": "application/json", **allowed, **(headers or {})}
        async with self.client.request(method, path, data=raw, headers=sent, allow_redirects=False) as answer:
            return Reply(answer.status, answer.headers, await answer.text())

    async def save(self, document: Mapping[str, Any] | None = None) -> Any:
        """Save a flow and return it."""
        reply = await self.ask("POST", "/v1/flows", document or flow())
        assert reply.status == 201, reply.text
        return reply.json

    async def accept(self, flow_id: str = NOBODY, *, at_ms: int | None = None, **changes: Any) -> str:
        """Record a run as the recorder does when its request comes in; return its id."""
        wanted = request(flow_id, at_ms=at_ms, **changes)
        await self.record.write([wanted])
        return wanted.run_id


def flow(**changes: Any) -> dict[str, Any]:
    """Return a document with a webhook."""
    return {"name": "A flow", "status": "active", "steps": [{"ref": "web1", "type": "webhook"}], **changes}


def id_at(at_ms: int) -> str:
    """Return a run's id that was made then."""
    tail = UUID(ids.new_id()).int & (2**80 - 1)
    return str(UUID(int=at_ms << 80 | tail))


def request(flow_id: str, *, at_ms: int | None = None, **changes: Any) -> messages.RunRequest:
    """Return the request of a run of this flow."""
    run_id = ids.new_id() if at_ms is None else id_at(at_ms)
    fields: dict[str, Any] = {
        "run_id": run_id,
        "flow_id": flow_id,
        "flow_name": "A flow",
        "flow_version": 1,
        "document": msgspec.Raw(b"{}"),
        "mode": "sync",
        "lane": 0,
        "trigger": messages.Trigger(kind="webhook"),
        "received_at_ms": ids.made_at_ms(run_id),
        "input": msgspec.Raw(b'{"n": 1}'),
    }
    return messages.RunRequest(**{**fields, **changes})
