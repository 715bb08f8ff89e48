"""Installations on the session's servers, or on servers that the test may break."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.acceptance.installation import Installation
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitServer


@pytest.fixture
async def installation(amqp_url: str, database_url: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation on a virtual host and a database of its own; nothing is started yet."""
    one = Installation(amqp_url, database_url, tmp_path)
    yield one
    await one.close()


@pytest.fixture
async def broker_installation(
    own_rabbitmq: RabbitServer, database_url: str, tmp_path: Path
) -> AsyncIterator[Installation]:
    """An installation whose broker the test may kill."""
    one = Installation(own_rabbitmq.new_url(), database_url, tmp_path)
    yield one
    await one.close()


@pytest.fixture
async def database_installation(
    amqp_url: str, own_postgres: PostgresServer, tmp_path: Path
) -> AsyncIterator[Installation]:
    """An installation whose database the test may stop."""
    one = Installation(amqp_url, own_postgres.url_of(await own_postgres.create()), tmp_path)
    yield one
    await one.close()


@pytest.fixture
async def alone(open_folder: Path) -> AsyncIterator[Installation]:
    """An installation in one process, `flowhook dev`, with nothing but a data folder."""
    one = Installation("", "", open_folder)
    one.env["FLOWHOOK_DATA_DIR"] = str(open_folder / "data")
    yield one
    await one.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(
    rabbitmq: RabbitServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    """An installation for tests that leave it as it was; they are marked `asyncio(loop_scope="session")`."""
    database = await postgres.create()
    one = Installation(rabbitmq.new_url(), postgres.url_of(database), tmp_path_factory.mktemp("shared"))
    one.env["FLOWHOOK_RATE_LIMIT"] = "100000"
    await one.start_all()
    yield one
    await one.close()
    await postgres.drop(database)
