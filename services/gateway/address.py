"""Which flow a request is for: one exact address, and nothing that only resembles it.

The path is compared as it was sent, so an encoded slash, a dot segment, another case, a trailing slash or an extension
all lead nowhere.
"""

import re
from typing import Final, NamedTuple

from libs.common import errors

PREFIX: Final = "/v1/flow-webhook/"
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
ALLOW: Final = "GET, POST, PUT, PATCH, DELETE"
NOT_FOUND: Final = "There is no webhook at this address. Check the flow's id, and that nothing is added to the path."

_FLOW_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ORIGIN: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)  # a target in absolute form, as proxies send it


class Address(NamedTuple):
    """A flow's id and the query string behind it, both as they were sent."""

    flow_id: str
    query: str


def parse(target: str) -> Address:
    """Return the address that a request target names; `NotFound` if it is not exactly that of a webhook."""
    if not target.startswith("/"):
        target = _ORIGIN.sub("", target, count=1)
    path, _, query = target.partition("?")
    if not path.startswith(PREFIX) or not _FLOW_ID.fullmatch(path, len(PREFIX)):
        raise errors.NotFound(NOT_FOUND)
    return Address(path[len(PREFIX) :], query)


def is_flow_id(text: str) -> bool:
    """Tell whether this is a flow's id in its canonical form."""
    return _FLOW_ID.fullmatch(text) is not None


def check_method(method: str) -> None:
    """`MethodNotAllowed`, with those that are, for any other than the five."""
    if method not in METHODS:
        raise not_allowed()


def not_allowed() -> errors.MethodNotAllowed:
    """Return the error that names the five."""
    return errors.MethodNotAllowed(f"A webhook is called with one of {ALLOW}.", headers={"Allow": ALLOW})
