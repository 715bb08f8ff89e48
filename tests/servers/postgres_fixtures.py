"""Fixtures of PostgreSQL: one server a session, one database a test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.servers.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's server. Tests that stop it take `own_postgres`."""
    server = PostgresServer()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.discard())


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of a fresh database with the whole schema."""
    database = asyncio.run(postgres.create())
    yield postgres.url_of(database)
    asyncio.run(postgres.drop(database))


@pytest.fixture
def empty_database_url(postgres: PostgresServer) -> Iterator[str]:
    """The address of a fresh database without any table."""
    database = asyncio.run(postgres.create_empty())
    yield postgres.url_of(database)
    asyncio.run(postgres.drop(database))


@pytest.fixture
async def own_postgres() -> AsyncIterator[PostgresServer]:
    """A server of the test's own, that it may stop, kill and start."""
    server = PostgresServer()
    await server.start()
    yield server
    await server.discard()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the PostgreSQL of root, who runs it as somebody else, can enter too; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="fht-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
