"""Ports for servers that a test starts.

The kernel gives ports above 32,768 to connections and to whoever asks for any port, so one of those that is free now
may be taken before its server listens. These lie below, and this process gives each of them once.
"""

import itertools
import os
import socket

FIRST, LAST = 20_000, 32_000
_next = itertools.count(os.getpid() * 61)


def free_port() -> int:
    """Return a port of the loopback that nobody holds."""
    for number in _next:
        port = FIRST + number % (LAST - FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("counting never ends")


def free_ports(count: int) -> list[int]:
    """Return several of them."""
    return [free_port() for _ in range(count)]
