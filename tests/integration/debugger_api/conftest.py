"""The API on a real PostgreSQL, without a bus: what it reads is written by the recorder's own store."""

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from libs.common import ids
from services.debugger import database
from services.debugger.api import app, routes
from services.debugger.api.access import Access
from services.debugger.api.flows import FlowCalls
from services.debugger.api.runs import RunCalls
from services.debugger.api.tokens import TokenCalls
from services.debugger.api.webhooks import WebhookAddresses
from services.debugger.flow_store import FlowStore
from services.debugger.record_store import RecordStore
from services.debugger.run_store import RunStore
from services.debugger.token_store import TokenStore
from tests.integration.debugger_api.world import MAX_BODY, PUBLIC_URL, SCOPES, SECRET, World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """An API with a token of each scope."""
    pool = await database.open_pool(database_url)
    tokens = TokenStore(pool)
    texts = {scope: f"fh_pat_{ids.new_id()}" for scope in SCOPES}
    for scope, text in texts.items():
        await tokens.ensure(text, scopes=(scope,), note="a test")
    flows = FlowStore(pool)
    calls = FlowCalls(flows, WebhookAddresses(PUBLIC_URL, SECRET)), RunCalls(RunStore(pool)), TokenCalls(tokens)
    table = routes.table(*calls)
    application = app.build(table, Access(tokens), gateway_url=PUBLIC_URL, max_body=MAX_BODY)
    async with TestClient(TestServer(application)) as client:
        yield World(client, texts, flows, RecordStore(pool), pool, table)
    await pool.close()
