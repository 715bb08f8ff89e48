"""Addresses and networks of the Internet, as settings and flows name them."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def networks_of(setting: str) -> tuple[Network, ...]:
    """Return the networks that a setting lists, separated by commas; ValueError names a bad one."""
    return tuple(ip_network(part.strip()) for part in setting.split(",") if part.strip())
