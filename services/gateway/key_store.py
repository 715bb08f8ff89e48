"""The keys of requests, which all gateways share: what is asked and told of them, and how PostgreSQL keeps them."""

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

import asyncpg
import msgspec

from libs.common import errors, messages
from services.gateway import responses
from services.gateway.feed import statement
from services.gateway.idempotency import Earlier, State

CONNECT_TIMEOUT_S: Final = 3.0
TIMEOUT_S: Final = 1.0  # senders wait meanwhile; later than that, their requests run undeduplicated
KEPT: Final = timedelta(hours=24)
SESSION: Final = {
    "application_name": "flowhook-gateway idempotency",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",  # the plan is made while the table is empty, and kept
}
_NOT_WHOLE: Final = re.compile(r"\*\*\*|… \(cut, [0-9]+ bytes\)\Z")


class KeysAway(errors.FlowhookError):
    """The keys could not be asked, or the answer did not come: a claim may stand, or not."""


class Place(NamedTuple):
    """A key of a flow, by its digest."""

    flow_id: str
    key: bytes


class Claim(NamedTuple):
    """The wish that this run be the one of its key: see `sql/claim_keys.sql`."""

    place: Place
    request: bytes
    run_id: str
    response: bytes | None = None
    replaces: str | None = None


class Mark(NamedTuple):
    """What became of a run that has claimed a key. `response` None leaves what is kept."""

    place: Place
    run_id: str
    state: State
    response: bytes | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The run that has a key, and the answers there are to it."""

    earlier: Earlier
    kept: messages.Response | None
    recorded: messages.Response | None


class Keys(Protocol):
    """The shared keys. Every method raises `KeysAway`, after which `open` is called before anything else."""

    async def open(self) -> None:
        """Connect, once what was open before has been closed."""

    async def close(self) -> None:
        """Let go of the connection; harmless when repeated."""

    async def claim(self, claims: Sequence[Claim]) -> Collection[Place]:
        """Return the places, each of which occurs once, that are their claim's now.

        Those that nobody has, whose run is older than a day, or is exactly the one that the claim replaces.
        """

    async def find(self, places: Sequence[Place]) -> Mapping[Place, Found]:
        """Return what is known of these, without those that nobody has."""

    async def mark(self, marks: Sequence[Mark]) -> None:
        """Write down what became of runs; a mark for a key that another run has now does nothing."""


class PostgresKeys:
    """The table `idempotency_keys`, over a connection of its own, one statement at a time."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> None:
        """Connect anew."""
        await self.close()
        try:
            self._connection = await asyncpg.connect(
                self._database_url, timeout=CONNECT_TIMEOUT_S, command_timeout=TIMEOUT_S, server_settings=SESSION
            )
            await self.find(())  # the table is there, and the statement prepared
        except _AWAY as error:
            raise _away(error) from error
        except KeysAway:
            await self.close()
            raise

    async def close(self) -> None:
        """Cut the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
            await asyncio.sleep(0)  # its socket is closed in the loop's next turn

    async def claim(self, claims: Sequence[Claim]) -> Collection[Place]:
        """Claim, in one statement."""
        rows = await self._fetch(
            "claim_keys",
            [UUID(one.place.flow_id) for one in claims],
            [one.place.key for one in claims],
            [one.request for one in claims],
            [UUID(one.run_id) for one in claims],
            [one.response for one in claims],
            [None if one.replaces is None else UUID(one.replaces) for one in claims],
            KEPT,
        )
        return {Place(str(row["flow_id"]), row["key"]) for row in rows}

    async def find(self, places: Sequence[Place]) -> Mapping[Place, Found]:
        """Read, in one statement."""
        rows = await self._fetch(
            "find_keys", [UUID(place.flow_id) for place in places], [place.key for place in places], KEPT
        )
        return {Place(str(row["flow_id"]), row["key"]): _found(row) for row in rows}

    async def mark(self, marks: Sequence[Mark]) -> None:
        """Write, in one statement."""
        await self._fetch(
            "mark_keys",
            [UUID(one.place.flow_id) for one in marks],
            [one.place.key for one in marks],
            [UUID(one.run_id) for one in marks],
            [one.state for one in marks],
            [one.response for one in marks],
        )

    async def _fetch(self, name: str, *parameters: Any) -> "list[asyncpg.Record]":
        if self._connection is None:
            raise KeysAway("not connected")
        try:
            return await self._connection.fetch(statement(name), *parameters)
        except _AWAY as error:
            raise _away(error) from error


# Whatever the driver raises: the connection is opened anew, and requests run undeduplicated meanwhile.
_AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


def _away(error: BaseException) -> KeysAway:
    return KeysAway(str(error) or type(error).__name__)


def _found(row: "asyncpg.Record") -> Found:
    kept = None if row["response"] is None else msgspec.json.decode(row["response"], type=messages.Response)
    recorded = _recorded(row["recorded"]) if row["status"] == "success" else None
    earlier = Earlier(
        run_id=str(row["run_id"]),
        request=row["request"],
        state=row["state"],
        age_ms=row["age_ms"],
        kept=kept is not None,
        status=row["status"],
        recorded=recorded is not None,
    )
    return Found(earlier, kept, recorded)


def _recorded(text: str | None) -> messages.Response | None:
    """Return the response in the record if that is whole: neither cut nor masked."""
    if text is None:
        return responses.NULL
    response = msgspec.json.decode(text, type=messages.Response)
    shown = (response.body, *response.headers.values())
    return None if any(_NOT_WHOLE.search(part) for part in shown) else response
