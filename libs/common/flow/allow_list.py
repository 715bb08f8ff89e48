"""`allow_ips` of a webhook: the networks that its senders must be in."""

from ipaddress import IPv6Network, ip_address, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from libs.common.networks import Network

MOST: Final = 200


def _network(value: str) -> str:
    try:
        network = ip_network(value.replace("%", " "), strict=False)  # no zones: they are this machine's business
    except ValueError:
        raise ValueError("must be a network or an address: 203.0.113.0/24, 2001:db8::/32, 203.0.113.7") from None
    if "/" in value and str(ip_address(value.partition("/")[0])) != str(network.network_address):
        raise ValueError(f"has bits behind its prefix; did you mean {network}?")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError("must be written as the IPv4 network that it stands for")
    return value


AllowIps = Annotated[list[Annotated[str, AfterValidator(_network)]], Field(min_length=1, max_length=MOST)]


def networks(allowed: list[str] | None) -> tuple[Network, ...] | None:
    """Return the networks of a list that was checked; None where everybody may call."""
    return None if allowed is None else tuple(ip_network(text) for text in allowed)


def admits(allowed: tuple[Network, ...] | None, ip: str) -> bool:
    """Tell whether a sender at this address may call; one without an address only where everybody may."""
    if allowed is None:
        return True
    if not ip:
        return False
    address = ip_address(ip)
    return any(address in network for network in allowed)
