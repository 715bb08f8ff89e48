"""A load generator: so many connections, each sending its next request as soon as it has its answer.

    python -m tests.benchmarks.load URL CONNECTIONS SECONDS [--header 'Name: value']… [--body TEXT]

Prints one JSON object: requests, requests a second, latencies in milliseconds, and how often each status came.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Tally:
    """What all connections saw."""

    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def figures(self, seconds: float) -> dict[str, object]:
        """Return the figures of a run that lasted so long."""
        ordered = sorted(self.latencies_s) or [0.0]
        return {
            "requests": len(self.latencies_s),
            "per_s": round(len(self.latencies_s) / seconds, 1),
            "p50_ms": round(ordered[len(ordered) // 2] * 1000, 2),
            "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 2),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
        }


class Sender(asyncio.Protocol):
    """One keep-alive connection. It understands answers with a Content-Length, which is all it is sent."""

    def __init__(self, request: bytes, tally: Tally, until: float) -> None:
        self._request, self._tally, self._until = request, tally, until
        self._buffer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be done."""
        if not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Count a whole answer and send the next request."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or len(rest) < _length(head):
            return
        self._buffer = b""
        now = time.perf_counter()
        self._tally.latencies_s.append(now - self._sent_at)
        self._tally.statuses[int(head[9:12])] += 1
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)


def _length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"\r\ncontent-length:")
    return int(after.split(b"\r\n", 1)[0])


async def load(url: str, connections: int, seconds: float, headers: list[str], body: str) -> dict[str, object]:
    """Send from so many connections for so long."""
    parts = urlsplit(url)
    content = body.encode()
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(content)}", *headers]
    request = "\r\n".join([*lines, "", ""]).encode() + content
    tally = Tally()
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    senders = []
    for _ in range(connections):
        _, sender = await loop.create_connection(
            lambda: Sender(request, tally, began + seconds), parts.hostname or "127.0.0.1", parts.port or 80
        )
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    return tally.figures(time.perf_counter() - began)


def main() -> None:
    """Read the arguments, send, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("connections", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--body", default="{}")
    arguments = parser.parse_args()
    figures = asyncio.run(
        load(arguments.url, arguments.connections, arguments.seconds, arguments.header, arguments.body)
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
