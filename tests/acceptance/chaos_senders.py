"""Who sends webhooks during a campaign of faults, which flows they call, and what the flows call outside."""

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.acceptance import flows
from tests.acceptance.installation import Flow, Installation, Reply
from tests.acceptance.outside import Outside

Answer = tuple[int, Any]


def now_ms() -> int:
    """Return the clock that the services go by, too."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Kind:
    """A flow, what its sender is told once it has run, how it ends, and what it calls outside, in order."""

    document: Callable[[str], dict[str, Any]]  # given the address of the outside
    answer: Callable[[int], Answer]
    status: str = "success"
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """One request. `reply` is None where the connection broke."""

    number: int
    kind: str
    at_ms: int
    reply: Reply | None


@dataclass
class Ledger(Outside):
    """An outside that takes a moment to answer, and remembers when it was called."""

    rng: random.Random
    called_at_ms: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        super().__init__()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.called_at_ms[request.path].append(now_ms())
        await asyncio.sleep(self.rng.uniform(0, 0.2))
        return await super()._answer(request)


def _ask(outside: str, ref: str) -> dict[str, Any]:
    return flows.http(ref, f"{outside}/{{{{ web1.n }}}}/{ref}")


def _sync(*steps: dict[str, Any], body: str | None = '{"n": {{ web1.n }}}') -> dict[str, Any]:
    return flows.flow(flows.webhook(body=body), *steps)


def _async(*steps: dict[str, Any]) -> dict[str, Any]:
    return flows.flow(flows.webhook(is_async=True), *steps)


def _delay(seconds: str) -> dict[str, Any]:
    return {"ref": "pause", "type": "delay", "with": {"seconds": seconds}}


def _terminate(**settings: Any) -> dict[str, Any]:
    return {"ref": "end", "type": "terminate", "with": settings}


def _failed(_number: int) -> Answer:
    return 500, None


KINDS = {
    "echo": Kind(lambda _: flows.echo(), lambda n: (200, {"n": 2 * n})),
    "ask": Kind(lambda url: _sync(_ask(url, "one")), lambda n: (200, {"n": n}), calls=("one",)),
    "relay": Kind(lambda url: _async(_ask(url, "one"), _ask(url, "two")), lambda _: (200, None), calls=("one", "two")),
    "park": Kind(
        lambda url: _async(_ask(url, "one"), _delay("{{ 1.2 + (web1.n % 9) / 10 }}"), _ask(url, "two")),
        lambda _: (200, None),
        calls=("one", "two"),
    ),
    "pause": Kind(lambda _: _sync(_delay("{{ (web1.n % 5) / 10 }}")), lambda n: (200, {"n": n})),
    "fail": Kind(
        lambda _: _sync({"ref": "bad", "type": "dict", "with": {"x": "{{ web1.missing }}"}}), _failed, status="error"
    ),
    "end": Kind(
        lambda url: _sync(
            _ask(url, "one"), _terminate(status="success", response={"status": 201, "body": '{"n": {{ web1.n }}}'})
        ),
        lambda n: (201, {"n": n}),
        calls=("one",),
    ),
    "give_up": Kind(lambda _: _sync(_terminate(status="error", message="no")), _failed, status="error"),
}


class Senders:
    """Send until they are stopped; every request has a number of its own."""

    def __init__(self, installation: Installation, ports: Sequence[int], seed: int, *, pause_s: float) -> None:
        self.sent: list[Sent] = []
        self.flows: dict[str, Flow] = {}
        self._installation = installation
        self._ports = ports
        self._seed = seed
        self._pause_s = pause_s
        self._numbers = itertools.count(1)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, outside: str, count: int) -> None:
        """Save the flows and begin."""
        for name, kind in KINDS.items():
            self.flows[name] = await self._installation.save({**kind.document(outside), "name": name})
        self._tasks = [
            asyncio.create_task(self._send(random.Random(f"{self._seed} {sender}"))) for sender in range(count)
        ]

    async def stop(self) -> None:
        """End, once everybody has an answer."""
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def _send(self, rng: random.Random) -> None:
        while not self._stop.is_set():
            name, port, number, at_ms = (
                rng.choice(list(KINDS)),
                rng.choice(self._ports),
                next(self._numbers),
                now_ms(),
            )
            try:
                reply = await self._installation.call(self.flows[name], {"n": number}, port=port)
            except (aiohttp.ClientError, TimeoutError, ValueError):
                reply = None  # it may have run
            self.sent.append(Sent(number, name, at_ms, reply))
            await asyncio.sleep(rng.uniform(0, 2 * self._pause_s))
