"""Private servers for a benchmark, with an installation on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.acceptance.installation import Installation
from tests.servers import postgres, rabbitmq


@asynccontextmanager
async def private_installation(folder: Path) -> AsyncIterator[tuple[Installation, dict[str, int]]]:
    """Give an installation, nothing of it started, and the servers' processes by name; end everything."""
    broker = rabbitmq.RabbitServer(folder / "rabbitmq")
    database = postgres.PostgresServer()
    broker.start()
    await database.start()
    installation = Installation(broker.new_url(), database.url_of(await database.create()), folder)
    try:
        yield installation, {"rabbitmq": broker.pid, "postgres": database.pid}
    finally:
        await installation.close()
        await database.discard()
        broker.discard()
