"""How the cache of personal access tokens is fed from PostgreSQL, in the manner of the feed of flows.

A change of a token notifies its id when it commits, so one that was revoked opens nothing a moment later. Every
`refresh_s`, and on each new connection, all tokens are read anew, which repairs what was missed. On the same connection
goes what the cache has to tell: which tokens were used, a batch at a time.
"""

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from libs.common import lifecycle, personal_tokens
from services.gateway import feed
from services.gateway.personal_tokens import PersonalToken, PersonalTokens

log = structlog.get_logger(__name__)

CHANNEL: Final = "flowhook_tokens"
BATCH: Final = 200
USED_EVERY_S: Final = 60.0
START_PATIENCE_S: Final = 2.0


class TokenFeed:
    """The duty that keeps `tokens` true."""

    def __init__(
        self,
        tokens: PersonalTokens,
        database_url: str,
        *,
        refresh_s: float,
        limit: int,
        used_every_s: float = USED_EVERY_S,
    ) -> None:
        self._tokens = tokens
        self._database_url = database_url
        self._refresh_s = refresh_s
        self._limit = limit
        self._used_every_s = used_every_s
        self._tell_at = 0.0
        self._away = False
        self._loaded = asyncio.Event()
        self._duty = lifecycle.Duty("token-feed", self._feed)

    async def start(self) -> None:
        """Begin to connect, and wait a moment for all tokens; later, what is not known yet is `Unavailable`."""
        await self._duty.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._loaded.wait(), START_PATIENCE_S)

    async def stop(self) -> None:
        """End the connection."""
        await self._duty.stop()

    async def _feed(self) -> None:
        while True:
            try:
                await self._follow_one_connection()
            except feed.AWAY as error:
                if not self._away:
                    why = str(error) or type(error).__name__
                    log.warning("tokens_unreachable", why=why, known=len(self._tokens))
                self._away = True
            except Exception:
                log.exception("token_feed_failed")
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311  # spread, so that gateways do not come at once

    async def _follow_one_connection(self) -> None:
        connection = await asyncpg.connect(
            self._database_url,
            timeout=feed.CONNECT_TIMEOUT_S,
            command_timeout=feed.READ_TIMEOUT_S,
            server_settings={"application_name": "flowhook-gateway"},
        )
        try:
            await self._follow(connection)
        finally:
            self._tokens.disconnected()
            connection.terminate()

    async def _follow(self, connection: "asyncpg.Connection[Any]") -> None:
        """Serve the cache from this connection until it ends, then raise."""
        connection.add_termination_listener(lambda _: self._tokens.wanting.set())
        await connection.add_listener(CHANNEL, self._heard)
        self._tokens.connected()
        while True:
            rows = await connection.fetch(feed.statement("list_tokens"), self._limit)
            self._tokens.reconcile(_token(row) for row in reversed(rows))
            self._stands()
            await self._serve_until_refresh(connection)

    def _stands(self) -> None:
        if self._away or not self._loaded.is_set():
            log.info("tokens_loaded", known=len(self._tokens))
        self._away = False
        self._loaded.set()

    async def _serve_until_refresh(self, connection: "asyncpg.Connection[Any]") -> None:
        """Answer questions, follow changes and tell of uses until all tokens are to be read again."""
        loop = asyncio.get_running_loop()
        refresh_at = loop.time() + self._refresh_s
        while (now := loop.time()) < refresh_at:
            if now >= self._tell_at:
                await self._tell_of_uses(connection)
                self._tell_at = now + self._used_every_s
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(refresh_at, self._tell_at)):
                    await self._tokens.wanting.wait()
            await self._read_a_batch(connection)

    async def _read_a_batch(self, connection: "asyncpg.Connection[Any]") -> None:
        if connection.is_closed():
            raise ConnectionResetError("the connection to PostgreSQL has ended")
        digests, ids = self._tokens.wanted(BATCH)
        if digests or ids:
            rows = await connection.fetch(feed.statement("find_tokens"), digests, [UUID(one) for one in ids])
            self._tokens.put(digests, ids, map(_token, rows))

    async def _tell_of_uses(self, connection: "asyncpg.Connection[Any]") -> None:
        """Tell once. A batch that is lost costs a token's `last_used` a minute."""
        used = self._tokens.take_used()
        if used:
            times = [datetime.fromtimestamp(at_ms / 1000, UTC) for at_ms in used.values()]
            await connection.execute(feed.statement("touch_tokens"), list(map(UUID, used)), times)

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if isinstance(payload, str):
            self._tokens.changed(payload)


def _token(row: "asyncpg.Record") -> PersonalToken:
    expires_at: datetime | None = row["expires_at"]
    return PersonalToken(
        id=str(row["id"]),
        digest=row["hash"],
        opens=personal_tokens.open_webhooks(row["scopes"]),
        expires_at_ms=None if expires_at is None else int(expires_at.timestamp() * 1000),
    )
