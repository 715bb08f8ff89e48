"""Migrations, partitions, constraints, and every statement against the real schema."""

import asyncio
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg
import pytest

from libs.common import errors
from services.debugger import migrate, partitions, statements

pytestmark = pytest.mark.postgres


@pytest.fixture
async def connection(database_url: str):  # type: ignore[no-untyped-def]  # asyncpg's stubs have no simple name for it
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("name", sorted(path.stem for path in statements.FOLDER.glob("*.sql")))
async def test_every_statement_fits_the_schema_and_says_what_it_promises(
    connection: asyncpg.Connection, name: str
) -> None:
    statement = statements.load(name)

    prepared = await connection.prepare(statement)

    parameters = len(prepared.get_parameters())
    header = "\n".join(line for line in statement.splitlines() if line.startswith("--"))
    assert header
    assert parameters == 0 or f"${parameters}" in header


async def test_starts_at_the_same_time_migrate_once(empty_database_url: str) -> None:
    await asyncio.gather(*(migrate.migrate_database(empty_database_url) for _ in range(3)))

    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("select count(*) from schema_migrations") == len(migrate.known())
    await connection.close()


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    good = migrate.Migration(1, "0001_good", "create table good ()")
    bad = migrate.Migration(2, "0002_bad", "create table half (); select 1 / 0;")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(connection, (good, bad))

    assert await connection.fetchval("select to_regclass('good') is not null and to_regclass('half') is null")
    assert await connection.fetchval("select max(number) from schema_migrations") == 1
    await connection.close()


async def test_a_newer_schema_is_refused(database_url: str, connection: asyncpg.Connection) -> None:
    await connection.execute("insert into schema_migrations (number, name, sha256) values (999, '0999_later', '')")

    with pytest.raises(errors.StartError, match="newer"):
        await migrate.migrate_database(database_url)


async def test_partitions_are_made_ahead_and_only_once(connection: asyncpg.Connection) -> None:
    today = datetime.now(UTC).date()

    await partitions.make_ahead(connection, today)

    names = await connection.fetch("select to_regclass($1 || to_char($2::date + n, 'YYYYMMDD')) as name from "
                                   "generate_series(-1, 7) as n", "runs_", today)  # fmt: skip
    assert all(row["name"] for row in names)


async def test_what_stood_in_the_default_partition_moves_when_its_day_is_made(connection: asyncpg.Connection) -> None:
    run_id = UUID("01000000-0000-7000-8000-000000000000")
    await connection.execute("insert into runs (id, received_at) values ($1, now())", run_id)
    day = datetime.fromtimestamp((run_id.int >> 80) / 1000, UTC).date()

    before = await connection.fetchval("select tableoid::regclass::text from runs")
    await connection.execute(statements.load("make_partitions"), day, day)

    assert before == "runs_default"
    assert await connection.fetchval("select tableoid::regclass::text from runs") == f"runs_{day:%Y%m%d}"


async def test_a_day_begins_with_its_first_id(connection: asyncpg.Connection) -> None:
    assert await connection.fetchval("select first_id_of($1)", date(1970, 1, 2)) == UUID(int=86_400_000 << 80)


@pytest.mark.parametrize(
    "columns",
    [
        "status = 'success'",
        "finished_at = now()",
        "status = 'running'",
        "status = 'waiting'",
        "status = 'waiting', parked_until = now(), holder = 'message-1'",
        "status = 'lost'",
        "flow_id = gen_random_uuid()",
        "attempt = 0",
    ],
)
async def test_a_state_that_contradicts_itself_is_refused(connection: asyncpg.Connection, columns: str) -> None:
    await connection.execute("insert into runs (id, received_at) values (gen_random_uuid(), now())")

    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(f"update runs set {columns}")


async def test_gateways_hear_of_a_flow_when_its_change_commits(
    database_url: str, connection: asyncpg.Connection
) -> None:
    heard: asyncio.Queue[object] = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    await listener.add_listener("flowhook_flows", lambda *news: heard.put_nowait(news[3]))
    flow_id = UUID("0b6f6f5c-6f0e-4c39-9a44-6f6bb1a9a111")

    async with connection.transaction():
        insert = "insert into flows (id, name, status, current_version) values ($1, 'a', 'active', 1)"
        await connection.execute(insert, flow_id)
        await listener.execute("select 1")
        before_the_commit = heard.empty()

    async with asyncio.timeout(10):
        assert await heard.get() == str(flow_id)
    assert before_the_commit
    await listener.close()


@pytest.mark.parametrize("name", ["list_due_runs", "find_next_due"])
async def test_the_scheduler_reads_an_index_of_its_own(connection: asyncpg.Connection, name: str) -> None:
    await connection.execute("set enable_seqscan = off")
    statement = statements.load(name).replace("$1", "500")

    plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement}"))

    assert "parked_until_idx" in plan
    assert "Seq Scan" not in plan
