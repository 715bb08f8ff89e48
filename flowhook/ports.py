"""Ports, looked at before anything is started for them."""

import errno
import socket
from collections.abc import Mapping

from libs.common import errors


def require_free(host: str, ports: Mapping[str, int]) -> None:
    """Raise `StartError` if one of these ports is in use; it names the setting, by which they are given. 0 is none."""
    for setting, port in ports.items():
        if port and not _is_free(host, port):
            raise errors.StartError(
                f"Port {port} of {host} is in use: stop what uses it, or set {setting} to another one."
            )


def unused(host: str) -> int:
    """Return a port that nobody uses now."""
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE  # anything else is told better by whoever listens
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
