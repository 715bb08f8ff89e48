"""What a killed process leaves behind: a PostgreSQL that goes on running, or its lock file.

Whoever calls this holds the data folder's lock, so that no living Flowhook can be using what is stopped here.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from libs.common import errors

PROCESSES = Path("/proc")


def running_in(data: Path) -> list[int]:
    """Return the ids of PostgreSQL's processes that work in this cluster."""
    ids = (int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()) if PROCESSES.exists() else ()
    return [pid for pid in ids if _works_in(pid, data)]


def _works_in(pid: int, data: Path) -> bool:
    try:
        program = Path(os.readlink(PROCESSES / str(pid) / "exe")).name.removesuffix(" (deleted)")
        folder = os.readlink(PROCESSES / str(pid) / "cwd")
    except OSError:
        return False
    return program == "postgres" and folder == str(data)


async def clear(data: Path, *, deadline_s: float = 10.0) -> None:
    """Stop what still runs in this cluster and remove its lock file; `StartError` if it will not go."""
    lock = data / "postmaster.pid"
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        _signal_leader(lock, running_in(data), number)
        if await _gone(data, deadline_s):
            lock.unlink(missing_ok=True)  # its process id may be a stranger's by now, which PostgreSQL would respect
            return
    raise errors.StartError(f"PostgreSQL's processes {running_in(data)} hold {data} and cannot be stopped.")


def _signal_leader(lock: Path, running: list[int], number: signal.Signals) -> None:
    """Tell the postmaster, whose death its children notice by themselves; tell them all when it must be."""
    leader = leader_of(lock)
    for pid in running:
        if pid == leader or number == signal.SIGKILL:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def leader_of(lock: Path) -> int | None:
    """Return the process id in PostgreSQL's lock file."""
    try:
        return int(lock.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


async def _gone(data: Path, deadline_s: float) -> bool:
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while running_in(data):
        if loop.time() > end:
            return False
        await asyncio.sleep(0.02)
    return True
