"""The flows that this gateway knows, in memory.

What is known is answered without a question. An id that is not known is asked for once, however many requests wait for
it; one that does not exist is remembered for a moment, so that a stranger's guesses cost one question each. While
PostgreSQL is away what is known goes on being served, and an unknown id is `Unavailable`, since it may exist.

The cache does no I/O: `feed` takes from it what it wants to know and puts in what it read.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Self

from libs.common import errors, topology
from libs.common.flow import webhook_secrets
from services.gateway import address

MAX_ABSENT: Final = 10_000
ABSENT_FOR_S: Final = 2.0
FIND_TIMEOUT_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class State:
    """What may change of a flow without a new version, and which version is current."""

    name: str
    status: str
    version: int
    generation: int
    previous_generation: int | None = None
    previous_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow as it was read last. `document` is that of its current version, with masks for the secrets in it.

    `secrets` are those, for verifying signatures here; they go nowhere else.
    """

    id: str
    state: State
    document: bytes
    secrets: tuple[str, ...] = field(default=(), repr=False)
    lane: int = field(init=False)

    @classmethod
    def of(cls, flow_id: str, state: State, saved: bytes) -> Self:
        """Return a flow whose document is as it was saved."""
        document, secrets = webhook_secrets.taken_out(saved)
        return cls(flow_id, state, document, secrets)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lane", topology.lane_of(self.id))

    def generations(self, now_ms: int) -> tuple[int, ...]:
        """Return the generations of webhook tokens that open it, the current one first."""
        state = self.state
        if state.previous_generation is not None and now_ms < state.previous_until_ms:
            return state.generation, state.previous_generation
        return (state.generation,)


class Flows:
    """The cache, at most `limit` flows."""

    def __init__(self, *, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._known: dict[str, Flow] = {}
        self._absent: dict[str, float] = {}
        self._asked: dict[str, asyncio.Future[Flow | None]] = {}
        self._stale: set[str] = set()
        self._connected = False
        self.wanting = asyncio.Event()  # for the feed: there is something to read
        self.complete = asyncio.Event()  # by the feed: all flows have been read once

    def __len__(self) -> int:
        return len(self._known)

    @property
    def loaded(self) -> bool:
        """Whether all flows have been read once."""
        return self.complete.is_set()

    # --- for requests

    def get(self, flow_id: str) -> Flow | None:
        """Return the flow if it is known."""
        return self._known.get(flow_id)

    async def find(self, flow_id: str) -> Flow:
        """Return the flow, asking if need be; `NotFound` if there is none, `Unavailable` if nobody can tell."""
        flow = self._known.get(flow_id)
        if flow is None and self._absent.get(flow_id, 0.0) <= self._clock():
            flow = await self._ask(flow_id)
        if flow is None:
            raise errors.NotFound(address.NOT_FOUND)
        return flow

    async def _ask(self, flow_id: str) -> Flow | None:
        if not self._connected:
            raise _cannot_tell()
        future = self._asked.get(flow_id)
        if future is None:
            future = self._asked[flow_id] = asyncio.get_running_loop().create_future()
            self.wanting.set()
        try:
            async with asyncio.timeout(FIND_TIMEOUT_S):
                return await asyncio.shield(future)
        except TimeoutError as error:
            raise _cannot_tell() from error

    # --- for the feed

    def connected(self) -> None:
        """Take questions from now on."""
        self._connected = True

    def disconnected(self) -> None:
        """Take no questions, and tell whoever waits that nobody can tell."""
        self._connected = False
        for future in self._asked.values():
            if not future.done():
                future.set_exception(_cannot_tell())
                future.exception()  # its askers may have gone
        self._asked.clear()

    def changed(self, flow_id: str) -> None:
        """Read this flow again: it is not any more what is known of it."""
        self._absent.pop(flow_id, None)
        self._stale.add(flow_id)
        self.wanting.set()

    def reconcile(self, states: dict[str, State]) -> None:
        """Compare with the state of every flow there is: take what has changed, want what has a new version."""
        for flow_id in self._known.keys() - states.keys():
            self._stale.add(flow_id)
        for flow_id, state in states.items():
            flow = self._known.get(flow_id)
            if flow is None or flow.state.version != state.version:
                self._stale.add(flow_id)
            elif flow.state != state:
                self._known[flow_id] = replace(flow, state=state)
        self._absent.clear()
        self.wanting.set()

    def wanted(self, limit: int) -> list[str]:
        """Return ids to be read now, those that somebody waits for first; forget that the rest were wanted."""
        ids = list(self._asked)[:limit]
        while self._stale and len(ids) < limit:
            ids.append(self._stale.pop())
        if not self._stale and len(ids) < limit:
            self.wanting.clear()
        return ids

    def put(self, ids: Iterable[str], flows: Iterable[Flow]) -> None:
        """Take the answer to a question for these ids: those without a flow do not exist."""
        found = {flow.id: flow for flow in flows}
        for flow_id in ids:
            flow = found.get(flow_id)
            if flow is None:
                self._forget(flow_id)
            else:
                self._keep(flow)
            future = self._asked.pop(flow_id, None)
            if future is not None and not future.done():
                future.set_result(flow)

    def _keep(self, flow: Flow) -> None:
        if flow.id not in self._known and len(self._known) >= self._limit:
            del self._known[next(iter(self._known))]  # the one that has been here longest; it is found again
        self._known[flow.id] = flow
        self._absent.pop(flow.id, None)

    def _forget(self, flow_id: str) -> None:
        self._known.pop(flow_id, None)
        if len(self._absent) >= MAX_ABSENT:
            self._absent.clear()
        self._absent[flow_id] = self._clock() + ABSENT_FOR_S


def _cannot_tell() -> errors.Unavailable:
    return errors.Unavailable("Flows cannot be looked up at the moment. Try again.", headers={"Retry-After": "2"})
