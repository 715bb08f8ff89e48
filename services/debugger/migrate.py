"""Bring the schema up to date: numbered files, applied in order, forward only, each in a transaction of its own.

Whoever starts first does it, under an advisory lock; the others wait and find it done. What was applied is remembered
with its hash, so that a file that was changed afterwards, or a schema that is newer than this code, stops the start.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from libs.common import errors
from services.debugger import database, partitions

log = structlog.get_logger(__name__)

FOLDER: Final = Path(__file__).parent / "migrations"
_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK: Final = 0x666C6F77686F6F6B  # "flowhook"; any number, as long as it never changes
_REMEMBER: Final = """
create table if not exists schema_migrations (
    number     int primary key,
    name       text not null,
    sha256     text not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Return the hash of its content."""
        return sha256(self.sql.encode()).hexdigest()


def known(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """Return the migrations that this code brings, in order; `ValueError` where the numbering has a gap or a fault."""
    found = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != number:
            raise ValueError(f"{path.name}: migrations are named NNNN_name.sql and numbered from 0001 without a gap")
        found.append(Migration(number, path.stem, path.read_text(encoding="utf-8")))
    return tuple(found)


async def migrate_database(url: str) -> None:
    """Migrate the database at this address; `StartError` if it is away, or newer than this code."""
    connection = await database.connect(url)
    try:
        await migrate(connection, known())
        await partitions.make_ahead(connection)
    finally:
        await connection.close()


async def migrate(connection: asyncpg.Connection, migrations: tuple[Migration, ...]) -> None:
    """Apply what is missing; `StartError` if what was applied is not what this code knows."""
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(_REMEMBER)
        rows = await connection.fetch("select number, name, sha256 from schema_migrations order by number")
        for migration in missing(migrations, {row["number"]: (row["name"], row["sha256"]) for row in rows}):
            await _apply(connection, migration)
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)


def missing(migrations: tuple[Migration, ...], applied: dict[int, tuple[str, str]]) -> tuple[Migration, ...]:
    """Return what is yet to be applied, given (name, hash) of each number that was; `StartError` if they disagree."""
    newest = max(applied, default=0)
    if newest > len(migrations):
        raise errors.StartError(
            f"The database's schema ({newest}) is newer than this version of Flowhook knows ({len(migrations)}): "
            "start the newer version, or use another database."
        )
    for migration in migrations:
        name, digest = applied.get(migration.number, (migration.name, migration.sha256))
        if digest != migration.sha256:
            raise errors.StartError(
                f"Migration {name} of the database is not the one of this version of Flowhook: "
                "applied migrations must not be changed."
            )
    return tuple(migration for migration in migrations if migration.number not in applied)


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "insert into schema_migrations (number, name, sha256) values ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.sha256,
        )
    log.info("migration_applied", number=migration.number, name=migration.name)
