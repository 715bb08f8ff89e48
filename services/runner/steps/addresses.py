"""Which addresses a flow may call.

What counts is where a packet would end: an IPv4 address inside an IPv6 one (mapped, compatible, 6to4, Teredo, NAT64)
is taken out and judged itself. `ipaddress.is_global` judges most; what it gets wrong, and the metadata services that
sit on public addresses, are listed here.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from libs.common.networks import Address, Network

NAT64: Final = ip_network("64:ff9b::/96")
COMPATIBLE: Final = ip_network("::/96")

REFUSED: Final[tuple[Network, ...]] = (
    ip_network("0.0.0.0/8"),
    ip_network("100.64.0.0/10"),  # carrier-grade NAT; some clouds keep their metadata there
    ip_network("168.63.129.16/32"),  # Azure's host, public by number only
    ip_network("192.0.0.0/24"),  # protocol assignments; Oracle's metadata
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("198.18.0.0/15"),  # benchmarking
    ip_network("240.0.0.0/4"),
    ip_network("64:ff9b:1::/48"),  # NAT64 within one network
    ip_network("100::/64"),
    ip_network("2001::/23"),
    ip_network("3fff::/20"),  # documentation
    ip_network("5f00::/16"),  # segment routing
    ip_network("fc00::/7"),
    ip_network("fec0::/10"),  # site-local
)


def may_be_called(host: str, allowed: Iterable[Network]) -> bool:
    """Tell whether a connection to this literal address may be made. `allowed` networks may always be."""
    address = ip_address(host)
    final = innermost(address)
    if any(_within(one, network) for network in allowed for one in (address, final)):
        return True
    return _is_public(final)


def innermost(address: Address) -> Address:
    """Return the address that a packet to this one ends at."""
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return inner
    return address


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_unspecified or address.is_reserved:
        return False
    return not any(_within(address, network) for network in REFUSED)


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
