"""What proxies write about the sender: `X-Forwarded-For`, and `Forwarded` (RFC 7239). Pure.

Everything left of what our own proxies added is the sender's to invent, so the elements are read from the right, and
the first one that makes no sense ends the reading.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final

from libs.common.networks import Address

_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_NODE: Final = re.compile(rf"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)){_PORT}|([0-9A-Fa-f:.]+)")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110's word for a name
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = rf"\s*({_TOKEN})=({_TOKEN}|{_QUOTED})\s*"
_ELEMENT: Final = re.compile(rf"{_PAIR}(?:;{_PAIR})*;?\s*")
_EACH_PAIR: Final = re.compile(_PAIR)


def x_forwarded_for(values: Sequence[str]) -> Iterator[Address | None]:
    """Yield the addresses of these headers from the right; None for what is none."""
    for element in reversed(",".join(values).split(",")):
        if text := element.strip():
            yield parse_node(text)


def forwarded(values: Sequence[str]) -> Iterator[Address | None]:
    """Yield the `for` of each element of these headers from the right; None for what names no address.

    A comma inside quotes ends an element here, too: no address has one, and a name that a sender chose may.
    """
    for element in reversed(",".join(values).split(",")):
        if element.strip():
            yield _for_of(element)


def parse_node(text: str) -> Address | None:
    """Return the address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`, else None."""
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    try:
        return plain(ip_address(match[1] or match[2] or match[3]))
    except ValueError:
        return None


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def _for_of(element: str) -> Address | None:
    if _ELEMENT.fullmatch(element) is None:
        return None
    nodes = [value for name, value in _EACH_PAIR.findall(element) if name.lower() == "for"]
    if len(nodes) != 1:
        return None
    node: str = nodes[0]
    if node.startswith('"'):
        node = re.sub(r"\\(.)", r"\1", node[1:-1])
    return parse_node(node)
