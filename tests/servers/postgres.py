"""A PostgreSQL for tests: the embedded one, without fsync, with databases that are cloned from a migrated template."""

import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

import asyncpg

from flowhook.embedded_postgres import EmbeddedPostgres
from services.debugger.migrate import migrate_database

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
TEMPLATE = "template_flowhook"


class PostgresServer:
    """A server of one's own; its addresses stay the same when it is stopped and started again."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fht-", dir="/tmp"))
        self._folder.chmod(0o711)
        self._server = EmbeddedPostgres(self._folder, options=FAST)
        self._has_template = False

    @property
    def pid(self) -> int:
        """The server's main process, which must run."""
        pid = self._server.pid
        assert pid is not None
        return pid

    def url_of(self, database: str) -> str:
        """Return the address of a database, which need not run now."""
        return self._server.url_of(database)

    async def start(self) -> None:
        """Start it; databases made before are still there."""
        await self._server.start()

    async def stop(self) -> None:
        """Stop it as an administrator does: connections are cut, everything is kept."""
        await self._server.stop()

    async def kill(self) -> None:
        """End it as a crash does."""
        await self._server.kill()

    async def discard(self) -> None:
        """Stop it and remove everything."""
        await self._server.stop()
        shutil.rmtree((self._folder / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def create_empty(self, database: str | None = None) -> str:
        """Create a database without any table and return its name."""
        return await self._create(database or _unused_name(), "template0")

    async def create(self) -> str:
        """Create a database with the whole schema and return its name."""
        if not self._has_template:
            await migrate_database(self.url_of(await self.create_empty(TEMPLATE)))
            self._has_template = True
        return await self._create(_unused_name(), TEMPLATE)

    async def drop(self, database: str) -> None:
        """Drop a database, cutting whoever is still connected."""
        await self._execute(f'drop database if exists "{database}" with (force)')

    async def _create(self, database: str, template: str) -> str:
        await self._execute(f'create database "{database}" template {template} strategy file_copy')
        return database

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url_of("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _unused_name() -> str:
    return f"test_{uuid4().hex}"
