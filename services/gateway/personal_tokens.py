"""The personal access tokens that this gateway knows, by their hash, in memory.

All are read at the start, so what is known opens flows without a question, and while PostgreSQL is away. What looks
like a token and is not known is asked for once, however many requests bear it; one that does not exist is remembered
for a moment. While PostgreSQL is away an unknown one is `Unavailable`: it may be good.

The cache does no I/O: `token_feed` takes from it what it wants to know and puts in what it read.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from libs.common import errors
from libs.common import personal_tokens as tokens

MAX_ABSENT: Final = 10_000
MAX_ASKED: Final = 1000
ABSENT_FOR_MS: Final = 2000
FIND_TIMEOUT_S: Final = 1.5
USED_EVERY_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """What is known of a token: `opens`, whether its scopes suffice to call webhooks."""

    id: str
    digest: bytes
    opens: bool
    expires_at_ms: int | None = None


class PersonalTokens:
    """The cache, at most `limit` tokens."""

    def __init__(self, *, limit: int, clock_ms: Callable[[], int]) -> None:
        self._limit = limit
        self._clock_ms = clock_ms
        self._known: dict[bytes, PersonalToken] = {}
        self._digests: dict[str, bytes] = {}
        self._absent: dict[bytes, int] = {}
        self._asked: dict[bytes, asyncio.Future[PersonalToken | None]] = {}
        self._stale: set[str] = set()
        self._used: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._connected = False
        self.wanting = asyncio.Event()  # for the feed: there is something to read

    def __len__(self) -> int:
        return len(self._known)

    # --- for requests

    async def opens(self, text: str) -> bool:
        """Tell whether this is a good token.

        `Forbidden` if it is one that may not call webhooks, `Unavailable` if nobody can tell.
        """
        digest = tokens.digest(text)
        token = self._known.get(digest)
        if token is None and text.startswith(tokens.PREFIX) and self._absent.get(digest, 0) <= self._clock_ms():
            token = await self._ask(digest)
        now_ms = self._clock_ms()
        if token is None or (token.expires_at_ms is not None and token.expires_at_ms <= now_ms):
            return False
        self._remember_use(token.id, now_ms)
        if not token.opens:
            raise errors.Forbidden(
                "Webhooks take a personal access token with scope `automation`, `automation.manage` or "
                "`automation.webhook_run`."
            )
        return True

    def _remember_use(self, token_id: str, now_ms: int) -> None:
        if now_ms - self._told.get(token_id, 0) >= USED_EVERY_MS:
            self._told[token_id] = self._used[token_id] = now_ms

    async def _ask(self, digest: bytes) -> PersonalToken | None:
        if not self._connected:
            raise _cannot_tell()
        future = self._asked.get(digest)
        if future is None:
            if len(self._asked) >= MAX_ASKED:
                raise _cannot_tell()
            future = self._asked[digest] = asyncio.get_running_loop().create_future()
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

    def changed(self, token_id: str) -> None:
        """Read this token again: it is not any more what is known of it."""
        self._stale.add(token_id)
        self.wanting.set()

    def reconcile(self, every: Iterable[PersonalToken]) -> None:
        """Take all tokens there are in place of those that were known."""
        self._known.clear()
        self._digests.clear()
        self._absent.clear()
        for token in every:
            self._keep(token)
        self._told = {token_id: at_ms for token_id, at_ms in self._told.items() if token_id in self._digests}

    def wanted(self, limit: int) -> tuple[list[bytes], list[str]]:
        """Return the digests that somebody waits for, and the ids to be read again; forget that these were wanted."""
        digests = list(self._asked)[:limit]
        ids = [self._stale.pop() for _ in range(min(limit, len(self._stale)))]
        if not self._stale and len(digests) == len(self._asked):
            self.wanting.clear()
        return digests, ids

    def put(self, digests: Iterable[bytes], ids: Iterable[str], found: Iterable[PersonalToken]) -> None:
        """Take the answer to such a question: what is not in it does not exist."""
        for token_id in ids:
            self._forget(token_id)
        for token in found:
            self._keep(token)
        for digest in digests:
            token_or_none = self._known.get(digest)
            if token_or_none is None:
                self._remember_absent(digest)
            future = self._asked.pop(digest, None)
            if future is not None and not future.done():
                future.set_result(token_or_none)

    def take_used(self) -> dict[str, int]:
        """Return the tokens that were used since they were last told of, with the time in ms."""
        used, self._used = self._used, {}
        return used

    def _keep(self, token: PersonalToken) -> None:
        self._forget(token.id)
        if len(self._known) >= self._limit:
            oldest = next(iter(self._known.values()))
            self._forget(oldest.id)  # it is found again
        self._known[token.digest] = token
        self._digests[token.id] = token.digest
        self._absent.pop(token.digest, None)

    def _forget(self, token_id: str) -> None:
        digest = self._digests.pop(token_id, None)
        if digest is not None:
            self._known.pop(digest, None)

    def _remember_absent(self, digest: bytes) -> None:
        if len(self._absent) >= MAX_ABSENT:
            self._absent.clear()
        self._absent[digest] = self._clock_ms() + ABSENT_FOR_MS


def _cannot_tell() -> errors.Unavailable:
    return errors.Unavailable("Tokens cannot be looked up at the moment. Try again.", headers={"Retry-After": "2"})
