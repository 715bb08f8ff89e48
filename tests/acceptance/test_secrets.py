"""What opens doors is kept nowhere: not in the database, not in logs, not in figures."""

import aiohttp
import asyncpg
import pytest

from tests.acceptance import flows
from tests.acceptance.installation import SECRET, TOKEN, Installation
from tests.acceptance.processes import eventually

pytestmark = [
    pytest.mark.processes,
    pytest.mark.rabbitmq,
    pytest.mark.postgres,
    pytest.mark.asyncio(loop_scope="session"),
]

HEADERS = {
    "Cookie": "session=cookie-93c1f0",
    "X-Api-Key": "api-key-93c1f0",
    "Proxy-Authorization": "Basic proxy-93c1f0",
    "X-Webhook-Secret": "webhook-secret-93c1f0",
}


async def whole_database(url: str) -> str:
    """Return every row of every table as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        rows = [await connection.fetch(f'select t::text from "{table[0]}" t') for table in tables]
    finally:
        await connection.close()
    return "\n".join(row[0] for table in rows for row in table)


async def figures(installation: Installation) -> str:
    """Return the metrics of all processes."""
    texts = []
    async with aiohttp.ClientSession() as session:
        for process in installation.processes:
            async with session.get(f"http://127.0.0.1:{process.admin_port}/metrics") as answer:
                texts.append(await answer.text())
    return "\n".join(texts)


async def test_senders_secrets_are_kept_nowhere(shared: Installation) -> None:
    flow = await shared.save(
        flows.flow(
            flows.webhook(is_async=True),
            {"ref": "seen", "type": "dict", "with": {"headers": "{{ request.headers }}"}},
            {"ref": "wait", "type": "delay", "with": {"seconds": 60}},  # so that its journal is there, too
        )
    )
    url = f"http://127.0.0.1:{shared.gateway_port}/v1/flow-webhook/{flow.id}"
    headers = {**HEADERS, "Authorization": f"Bearer {flow.token}", "X-Plain": "plain-93c1f0"}

    async with aiohttp.ClientSession() as session, session.post(url, json={}, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        run_id = answer.headers["Flowhook-Run-Id"]

    async def waits() -> bool:
        run = await shared.run(run_id)
        return run is not None and bool(run["status"] == "waiting")

    await eventually(waits, what="the run's wait")
    kept = {
        "the database": await whole_database(shared.env["FLOWHOOK_DATABASE_URL"]),
        "the figures": await figures(shared),
        "the logs": "\n".join(process.text() for process in shared.processes),
    }
    secrets = [*(value.partition("=")[2] or value.split()[-1] for value in HEADERS.values()), flow.token, SECRET, TOKEN]
    assert "plain-93c1f0" in kept["the database"]
    assert [(where, secret) for where, text in kept.items() for secret in secrets if secret in text] == []
    run = await shared.run(run_id)
    assert {name: run["request"]["headers"][name.lower()] for name in (*HEADERS, "Authorization")} == dict.fromkeys(
        (*HEADERS, "Authorization"), "***"
    )
