"""A folder that one process holds at a time. The lock ends with its process, however that ends."""

import fcntl
import os
from pathlib import Path

from libs.common import errors


class FolderLock:
    """Holds `<folder>/lock`, which names the process that has it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._file: int | None = None

    def take(self) -> None:
        """Hold the folder; `StartError` if another process does."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode(errors="replace").strip()
            os.close(file)
            raise errors.StartError(
                f"The data folder {self._path.parent} is held by another process ({holder or 'unknown'}): "
                "stop that one, or set FLOWHOOK_DATA_DIR to another folder."
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let it go; harmless when repeated."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
