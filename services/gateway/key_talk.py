"""The conversation of a gateway with the shared keys.

What is asked while an answer is on its way is asked together in the next question, so the cost of a request falls as
load rises. While the keys are away every question fails at once; what became of runs is kept, and told when they are
back.
"""

import asyncio
import random
from collections import deque
from typing import Any, Final

import structlog

from libs.common import lifecycle
from services.gateway.key_store import Claim, Found, Keys, KeysAway, Mark, Place

log = structlog.get_logger(__name__)

BATCH: Final = 500
MAX_MARKS: Final = 10_000
MARK_BYTES: Final = 4 * 1024 * 1024  # of answers, in one statement
MAX_MARK_BYTES: Final = 64 * 1024 * 1024  # of answers, in memory
TRIES: Final = 5
START_PATIENCE_S: Final = 1.0

Asked = deque[tuple[Claim, "asyncio.Future[bool]"]]


class KeyTalk:
    """Asks and tells, as a part."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._claims: dict[Place, Asked] = {}
        self._wanted: dict[Place, asyncio.Future[Found | None]] = {}
        self._marks: dict[str, Mark] = {}
        self._mark_bytes = 0
        self._failures = 0
        self._open = False
        self._found = asyncio.Event()
        self._something = asyncio.Event()
        self._duty = lifecycle.Duty("idempotency", self._work)

    async def start(self) -> None:
        """Begin to connect, and wait a moment for it."""
        await self._duty.start()
        try:
            await asyncio.wait_for(self._found.wait(), START_PATIENCE_S)
        except TimeoutError:
            log.warning("idempotency_starts_away")

    async def stop(self) -> None:
        """Tell what there is to tell if the keys are there, and close."""
        await self._duty.stop()
        if self._open:
            try:
                while self._marks:
                    await self._mark()
            except KeysAway:
                log.warning("idempotency_marks_lost", count=len(self._marks))
        self._fail(KeysAway("this gateway stops"))
        await self._keys.close()

    # --- for requests

    @property
    def answers(self) -> bool:
        """Whether a question is put at all."""
        return self._open

    async def claim(self, claim: Claim) -> bool:
        """Tell whether the key is this run's now; `KeysAway` if nobody can tell."""
        if not self._open:
            raise KeysAway("not connected")
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._claims.setdefault(claim.place, deque()).append((claim, answer))
        self._something.set()
        return await answer

    async def find(self, place: Place) -> Found | None:
        """Return what is known of a key; `KeysAway` if nobody can tell."""
        if not self._open:
            raise KeysAway("not connected")
        answer = self._wanted.get(place)
        if answer is None:
            answer = self._wanted[place] = asyncio.get_running_loop().create_future()
            self._something.set()
        return await asyncio.shield(answer)  # others wait for it too

    def tell(self, mark: Mark) -> None:
        """Have this written down soon; of several marks for a run the last one counts."""
        self._take_out(mark.run_id)
        self._marks[mark.run_id] = mark
        self._mark_bytes += len(mark.response or b"")
        while len(self._marks) > MAX_MARKS or self._mark_bytes > MAX_MARK_BYTES:
            self._take_out(next(iter(self._marks)))
        self._something.set()

    def _take_out(self, run_id: str) -> None:
        mark = self._marks.pop(run_id, None)
        if mark is not None:
            self._mark_bytes -= len(mark.response or b"")

    # --- the duty

    async def _work(self) -> None:
        while True:
            try:
                await self._keys.open()
                self._answers_again()
                await self._converse()
            except KeysAway as error:
                self._lost(error)
            except Exception as error:
                log.exception("idempotency_failed")
                self._lost(KeysAway(type(error).__name__))
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311  # spread, so that gateways do not come at once

    def _answers_again(self) -> None:
        log.info("idempotency_keys_found")
        self._open = True
        self._found.set()
        self._something.set()

    def _lost(self, error: KeysAway) -> None:
        if self._open:
            log.warning("idempotency_keys_away", why=str(error))
        self._open = False
        self._fail(error)

    def _fail(self, error: KeysAway) -> None:
        waiting: list[asyncio.Future[Any]] = [answer for asked in self._claims.values() for _, answer in asked]
        for answer in waiting + list(self._wanted.values()):
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # its askers may have gone
        self._claims.clear()
        self._wanted.clear()

    async def _converse(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._claims or self._wanted or self._marks:
                await self._mark()
                await self._claim()
                await self._find()

    async def _claim(self) -> None:
        places = list(self._claims)[:BATCH]
        if not places:
            return
        given = await self._keys.claim([self._claims[place][0][0] for place in places])
        for place in places:
            asked = self._claims[place]
            _, answer = asked.popleft()
            if not asked:
                del self._claims[place]
            if not answer.done():
                answer.set_result(place in given)

    async def _find(self) -> None:
        places = list(self._wanted)[:BATCH]
        if not places:
            return
        asked = {place: self._wanted[place] for place in places}
        found = await self._keys.find(places)
        for place, answer in asked.items():
            del self._wanted[place]
            if not answer.done():
                answer.set_result(found.get(place))

    async def _mark(self) -> None:
        batch = self._next_marks()
        if not batch:
            return
        try:
            await self._keys.mark(batch)
        except KeysAway:
            self._failures += 1
            if self._failures < TRIES:
                raise
            log.warning("idempotency_marks_given_up", count=len(batch))
        self._failures = 0
        for mark in batch:
            if self._marks.get(mark.run_id) is mark:
                self._take_out(mark.run_id)

    def _next_marks(self) -> list[Mark]:
        batch: list[Mark] = []
        length = 0
        for mark in self._marks.values():
            length += len(mark.response or b"")
            if batch and (length > MARK_BYTES or len(batch) == BATCH):
                break
            batch.append(mark)
        return batch
