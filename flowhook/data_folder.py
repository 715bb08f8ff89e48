"""What `flowhook dev` keeps beside its database: the secrets that it made, each in a file that only its owner reads."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from libs.common import errors


class DataFolder:
    """A folder of secrets and notes."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def secret_key(self) -> str:
        """Return the installation's secret, made the first time."""
        return self._keep("secret-key", lambda: secrets.token_urlsafe(48))

    def bootstrap_token(self) -> str:
        """Return the first personal access token, made the first time."""
        return self._keep("bootstrap-token", lambda: f"fh_pat_{secrets.token_urlsafe(32)}")

    def is_noted(self, name: str) -> bool:
        """Tell whether this has been noted, ever."""
        return (self.path / name).exists()

    def note(self, name: str) -> None:
        """Remember that something is done."""
        self._keep(name, lambda: "")

    def _keep(self, name: str, make: Callable[[], str]) -> str:
        file = self.path / name
        try:
            if not file.exists():
                self._write(file, make())
            return file.read_text().strip()
        except OSError as error:
            raise errors.StartError(
                f"The data folder {self.path} cannot be used: {error.strerror}. Set FLOWHOOK_DATA_DIR to another one."
            ) from None

    def _write(self, file: Path, text: str) -> None:
        """Write it whole or not at all, and for its owner only from the first byte."""
        self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        half = file.with_suffix(".half")
        half.unlink(missing_ok=True)
        half.touch(mode=0o600)
        half.write_text(text)
        half.replace(file)
