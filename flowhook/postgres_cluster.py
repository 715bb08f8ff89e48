"""A cluster: the folder that PostgreSQL keeps its data in, and the password that opens it.

It is made under another name and renamed, so that an interrupted first start leaves nothing half made.
"""

import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import structlog

from flowhook import postgres_binaries
from libs.common import errors

log = structlog.get_logger(__name__)

USER: Final = "flowhook"


def password_of(folder: Path) -> str:
    """Return the password of the cluster in this data folder."""
    return _password_file(folder).read_text()


def make(folder: Path, account: postgres_binaries.Account, programs: Path) -> Path:
    """Make the cluster `<folder>/postgres` and return where it really is; `StartError` says why it cannot be made."""
    home = folder if account.reaches(folder / "postgres") else postgres_binaries.shared_home()
    half = Path(tempfile.mkdtemp(prefix="new-", dir=home))
    try:
        account.own(half)
        _choose_password(folder)
        _run_initdb(programs, half, account, password_of(folder))
        return _move_in(half, folder)
    except BaseException:
        shutil.rmtree(half, ignore_errors=True)
        raise


def _password_file(folder: Path) -> Path:
    return folder / "postgres.password"


def _choose_password(folder: Path) -> None:
    file = _password_file(folder)
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(16))


def _run_initdb(programs: Path, data: Path, account: postgres_binaries.Account, password: str) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="flowhook-") as file:
        file.write(password)
        file.flush()
        account.own(Path(file.name))
        done = subprocess.run(  # noqa: S603
            [
                *(programs / "initdb", "-D", data, f"--username={USER}", f"--pwfile={file.name}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            ],
            capture_output=True,
            cwd="/",
            check=False,
            **account.process_arguments,
        )
    if done.returncode:
        raise errors.StartError(f"PostgreSQL cannot be set up: {reason(done.stderr.decode(errors='replace'))}")


def _move_in(half: Path, folder: Path) -> Path:
    link = folder / "postgres"
    if half.parent == folder:
        return half.rename(link)
    home = half.rename(half.with_name(f"database-{secrets.token_hex(4)}"))
    link.unlink(missing_ok=True)
    link.symlink_to(home)
    log.warning(
        "database_kept_elsewhere", folder=str(home), why="PostgreSQL cannot enter ours and does not run as root"
    )
    return home


def reason(output: str) -> str:
    """Return the line that says why, out of what one of PostgreSQL's programs wrote."""
    lines = output.splitlines()
    why = [line for line in lines if "FATAL:" in line or "error:" in line] or lines
    return why[-1].rpartition("FATAL:")[2].strip() if why else "it gives no reason"
