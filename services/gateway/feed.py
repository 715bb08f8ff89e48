"""How the cache of flows is fed from PostgreSQL: one connection that listens, reads and is opened again when it ends.

A change of a flow notifies its id when it commits, so the cache follows within a moment. All reads run one after the
other on the connection that listens: an answer is never older than a notification that came before its question. Every
`refresh_s` the state of all flows is compared, which repairs what was missed; so does each new connection.
"""

import asyncio
import random
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from libs.common import lifecycle
from services.gateway import address
from services.gateway.flows import Flow, Flows, State

log = structlog.get_logger(__name__)

CHANNEL: Final = "flowhook_flows"
CONNECT_TIMEOUT_S: Final = 3.0
READ_TIMEOUT_S: Final = 5.0
BATCH: Final = 200
START_PATIENCE_S: Final = 2.0

# Whatever the driver raises ends the connection: it is opened again, and everything is compared.
AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class FlowFeed:
    """The duty that keeps `flows` true."""

    def __init__(self, flows: Flows, database_url: str, *, refresh_s: float, limit: int) -> None:
        self._flows = flows
        self._database_url = database_url
        self._refresh_s = refresh_s
        self._limit = limit
        self._away = False
        self._duty = lifecycle.Duty("flow-feed", self._feed)

    async def start(self) -> None:
        """Begin to connect, and wait a moment for all flows; later, what is not known yet is `Unavailable`."""
        await self._duty.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._flows.complete.wait(), START_PATIENCE_S)

    async def stop(self) -> None:
        """End the connection."""
        await self._duty.stop()

    async def _feed(self) -> None:
        while True:
            try:
                await self._follow_one_connection()
            except AWAY as error:
                self._lost(str(error) or type(error).__name__)
            except Exception:
                log.exception("flow_feed_failed")  # a row that cannot be read, say; others still can
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311  # spread, so that gateways do not come at once

    async def _follow_one_connection(self) -> None:
        connection = await asyncpg.connect(
            self._database_url,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=READ_TIMEOUT_S,
            server_settings={"application_name": "flowhook-gateway"},
        )
        try:
            await self._follow(connection)
        finally:
            self._flows.disconnected()
            connection.terminate()

    async def _follow(self, connection: "asyncpg.Connection[Any]") -> None:
        """Serve the cache from this connection until it ends, then raise."""
        connection.add_termination_listener(lambda _: self._flows.wanting.set())
        await connection.add_listener(CHANNEL, self._heard)
        self._flows.connected()
        while True:
            self._flows.reconcile(await self._states(connection))
            while self._flows.wanting.is_set():
                await self._read_a_batch(connection)
            self._stands()
            await self._read_what_is_wanted(connection)

    async def _read_what_is_wanted(self, connection: "asyncpg.Connection[Any]") -> None:
        """Answer questions and follow changes until the next comparison is due."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._refresh_s
        while loop.time() < due:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._flows.wanting.wait()
            await self._read_a_batch(connection)

    async def _read_a_batch(self, connection: "asyncpg.Connection[Any]") -> None:
        if connection.is_closed():
            raise ConnectionResetError("the connection to PostgreSQL has ended")
        ids = self._flows.wanted(BATCH)
        if ids:
            self._flows.put(ids, await self._flows_of(connection, ids))

    def _stands(self) -> None:
        if not self._flows.loaded or self._away:
            log.info("flows_loaded", known=len(self._flows))
        self._flows.complete.set()
        self._away = False

    def _lost(self, why: str) -> None:
        if not self._away:
            log.warning("flows_unreachable", why=why, known=len(self._flows))
        self._away = True

    async def _states(self, connection: "asyncpg.Connection[Any]") -> dict[str, State]:
        rows = await connection.fetch(statement("list_flow_states"), self._limit)
        return {str(row["id"]): _state(row) for row in rows}

    async def _flows_of(self, connection: "asyncpg.Connection[Any]", ids: list[str]) -> list[Flow]:
        rows = await connection.fetch(statement("find_flows"), [UUID(flow_id) for flow_id in ids])
        return [Flow.of(str(row["id"]), _state(row), row["document"].encode()) for row in rows]

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if isinstance(payload, str) and address.is_flow_id(payload):
            self._flows.changed(payload)


@cache
def statement(name: str) -> str:
    """Return a statement of this service, one a file: `sql/<name>.sql`."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _state(row: "asyncpg.Record") -> State:
    until: datetime | None = row["previous_until"]
    return State(
        name=row["name"],
        status=row["status"],
        version=row["current_version"],
        generation=row["token_generation"],
        previous_generation=row["previous_generation"],
        previous_until_ms=0 if until is None else int(until.timestamp() * 1000),
    )
