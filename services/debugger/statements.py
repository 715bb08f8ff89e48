"""The SQL of this service: one statement a file, `sql/<verb>_<noun>.sql`, loaded once by name."""

from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "sql"


@cache
def load(name: str) -> str:
    """Return the statement of this name; `FileNotFoundError` if there is none."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
