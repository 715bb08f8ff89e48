"""Who sends: the address of the client, and what it is counted as.

It is the peer's, unless the peer is a trusted proxy: then it is the right-most address that such a proxy wrote down
and that is no trusted proxy itself. What cannot be read (`unknown`, an obfuscated name, garbage) ends the search at the
proxy that passed it on. Where `X-Forwarded-For` and `Forwarded` are both there and disagree, one of them may be the
sender's own invention and nobody can tell which: the peer counts.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

from aiohttp import web

from libs.common.networks import Address, Network
from services.gateway import forwarded

REMEMBERED: Final = 8192  # lookups, by peer and headers
PREFIX_V6: Final = 64  # what one customer has at least, so what one client can change its address within


class Client(NamedTuple):
    """An address as text (empty for a peer without one), and the one that its requests are counted under."""

    ip: str
    counted_as: str


CLIENT: Final = web.RequestKey("client", Client)  # where a request keeps its own, once it was looked for


class Clients:
    """Finds the client of a request. What was found for the same peer and headers is remembered."""

    def __init__(self, trusted_proxies: Iterable[Network]) -> None:
        self._trusted = tuple(trusted_proxies)
        self._find = lru_cache(maxsize=REMEMBERED)(self._look)

    def of(self, request: web.BaseRequest) -> Client:
        """Return the client of this request."""
        if not self._trusted:
            return self._find(request.remote, (), ())
        headers = request.headers
        return self._find(
            request.remote,
            tuple(headers.getall("X-Forwarded-For", ())),
            tuple(headers.getall("Forwarded", ())),
        )

    def _look(self, remote: str | None, x_forwarded_for: tuple[str, ...], standard: tuple[str, ...]) -> Client:
        try:
            peer = forwarded.plain(ip_address((remote or "").partition("%")[0]))
        except ValueError:
            return Client("", "")
        ends = {
            self._right_most_untrusted(peer, nodes)
            for values, nodes in (
                (x_forwarded_for, forwarded.x_forwarded_for(x_forwarded_for)),
                (standard, forwarded.forwarded(standard)),
            )
            if values
        }
        return client_at(ends.pop() if len(ends) == 1 else peer)

    def _right_most_untrusted(self, peer: Address, nodes: Iterable[Address | None]) -> Address:
        found = peer
        for node in nodes:
            if not self._is_trusted(found) or node is None:
                break
            found = node
        return found

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def client_at(address: Address) -> Client:
    """Return the client with this address: an IPv6 one is counted as its /64."""
    text = str(address)
    if isinstance(address, IPv6Address):
        return Client(text, str(ip_network((address, PREFIX_V6), strict=False)))
    return Client(text, text)
