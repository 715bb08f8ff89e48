"""Places in a document, as people read them: `steps[2].with.op`."""

import re
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]*")
_LONGEST: Final = 60


def key(place: str, name: str) -> str:
    """Return the place of a key in the object at this place."""
    if not _PLAIN.fullmatch(name):
        shown = name if len(name) <= _LONGEST else name[:_LONGEST] + "…"
        return f"{place}[{shown!r}]"
    return f"{place}.{name}" if place else name


def index(place: str, number: int) -> str:
    """Return the place of an element in the list at this place."""
    return f"{place}[{number}]"


def join(place: str, within: str) -> str:
    """Return a place within another one."""
    if not place or not within or within.startswith("["):
        return place + within
    return f"{place}.{within}"
