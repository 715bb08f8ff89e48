"""The rate limit over all gateways.

A gateway admits only what the shared count has granted it. Requests that come while a question is on its way are
asked for together in the next one, so the cost of a request falls as load rises. To an address that sends much and is
far from its limit the count gives some requests ahead, which are admitted without a question; every `FLUSH_S` these are
topped up or given back.

The guarantee, as long as the shared count answers:
- In a window, all gateways together never admit more than the limit: there is no slack, since what may be admitted has
  been counted before.
- They do not admit less either: a request that is refused while requests given ahead to another gateway might still
  come back waits for them, at most a quarter of a second and once in a window. Only a gateway that dies, or does not
  get to its flush in that time, keeps what was given ahead to it (an eighth of what was left then, at most).
- An address that is over its limit is answered from memory until its window ends.

While the count does not answer, each gateway goes on with what it knows and counts alone: then at most the limit is
admitted by each of them. What it counted is told to all when the count answers again; what was asked for and not
answered is told too, so it may be counted twice, but never not at all.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import structlog

from libs.common import lifecycle
from services.gateway import metrics
from services.gateway.rate_counters import Asked, Counters, CountersAway, GivenBack, added_up
from services.gateway.rate_table import Windows
from services.gateway.rate_window import Answer, Limit, Standing, Window

log = structlog.get_logger(__name__)

FLUSH_S: Final = 0.05
MAX_ADDRESSES: Final = 50_000  # kept in memory, about 500 bytes each
BATCH: Final = 1_000  # addresses in one question
START_PATIENCE_S: Final = 1.0

Waiting = list["asyncio.Future[Standing]"]


class Limiter:
    """Counts requests by address, as a part; see the module."""

    def __init__(
        self, limit: Limit, counters: Counters, *, clock: Callable[[], float], max_addresses: int = MAX_ADDRESSES
    ) -> None:
        self.limit = limit
        self._counters = counters
        self._clock = clock
        self._alone = True  # until the shared count has been reached
        self._found = asyncio.Event()
        self.known = Windows(max_addresses, is_engaged=self._is_engaged, forget=self._forget)
        self._waiting: dict[Window, Waiting] = {}  # to be asked for in the next question
        self._asking: dict[Window, Waiting] = {}  # asked for
        self._patient: dict[Window, Waiting] = {}  # refused, while others may give something back
        self._wishing: dict[Window, None] = {}  # to be asked about without a request that waits
        self._busy: dict[Window, None] = {}
        self._back: list[GivenBack] = []
        self._something = asyncio.Event()
        self._flush: asyncio.TimerHandle | None = None
        self._duty = lifecycle.Duty("rate-limit", self._work)

    # --- the part

    async def start(self) -> None:
        """Begin to connect, and wait a moment for it; later, requests are counted alone."""
        metrics.RATE_ALONE.set(1)
        await self._duty.start()
        try:
            await asyncio.wait_for(self._found.wait(), START_PATIENCE_S)
        except TimeoutError:
            log.warning("rate_limit_starts_alone")

    async def stop(self) -> None:
        """Give back what is not spent, if the count is there, and close."""
        if self._flush is not None:
            self._flush.cancel()
        await self._duty.stop()
        if not self._alone:
            for window in self.known:
                self._surrender(window)
            await self._give_back_at_the_end()
        self._count_the_rest_alone()
        await self._counters.close()

    # --- requests

    def spend(self, address: str) -> Standing | None:
        """Return where a request stands if that is known without a question; it is counted then."""
        window = self.known.find(address)
        if window is None:
            return None
        now_s = self._clock()
        if window.is_over(now_s):
            return window.standing(self.limit, now_s, admitted=False)
        if window.spend(now_s):
            self._note_busy(window)
            return window.standing(self.limit, now_s, admitted=True)
        return None

    async def count(self, address: str) -> Standing:
        """Count a request and return where it stands."""
        window = self.known.find_or_add(address)
        if self._alone:
            return self._count_alone(window)
        admitted: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        if window in self._patient:
            self._patient[window].append(admitted)
        else:
            self._waiting.setdefault(window, []).append(admitted)
            self._something.set()
        return await admitted

    def peek(self, address: str) -> Standing:
        """Return where an address stands as far as it is known here, without counting."""
        now_s = self._clock()
        window = self.known.peek(address) or Window(address)
        return window.standing(self.limit, now_s, admitted=not window.is_over(now_s))

    def _count_alone(self, window: Window) -> Standing:
        metrics.RATE_COUNTED_ALONE.inc()
        now_s = self._clock()
        admitted = window.count_alone(self.limit, now_s)
        return window.standing(self.limit, now_s, admitted=admitted)

    # --- the conversation with the shared count

    async def _work(self) -> None:
        while True:
            try:
                await self._counters.open()
                self._answers_again()
                await self._converse()
            except CountersAway as error:
                self._go_on_alone(str(error))
            except Exception as error:
                log.exception("rate_limit_failed")
                self._go_on_alone(type(error).__name__)
            await asyncio.sleep(random.uniform(0.1, 1.0))  # noqa: S311  # spread, so that gateways do not come at once

    async def _converse(self) -> None:
        """Give back and ask, one after the other, until the count is away."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting or self._wishing or self._back:
                if self._back:
                    back, self._back = self._back, []
                    await self._counters.give_back(added_up(back))
                await self._ask()

    async def _ask(self) -> None:
        sent_s = self._clock()
        self._choose(sent_s)
        asked = [self._question(window, sent_s) for window in self._asking]
        if not asked:
            return
        answers = await self._counters.count(asked)
        now_s = self._clock()
        for question, window in zip(asked, list(self._asking), strict=True):
            answer = answers[window.address]
            window.owed -= question.owed
            window.learn(answer, sent_s=sent_s, now_s=now_s)
            self._settle(window, self._asking.pop(window), answer, now_s)
            if question.ahead and not answer.ahead:  # so little is left that others may need what is kept here
                self._surrender(window)
            if answer.granted or answer.ahead:
                self._note_busy(window)

    def _choose(self, now_s: float) -> None:
        """Move the next windows from those that wait to those that are asked for."""
        for window in list(self._waiting)[:BATCH]:
            waiting = self._waiting.pop(window)
            if len(waiting) > self.limit.requests:
                self._waiting[window] = waiting[self.limit.requests :]
            self._asking[window] = waiting[: self.limit.requests]
            self._wishing.pop(window, None)
        for window in list(self._wishing)[: BATCH - len(self._asking)]:
            del self._wishing[window]
            if window.wish(now_s) or window.owes(now_s):
                self._asking[window] = []

    def _question(self, window: Window, now_s: float) -> Asked:
        waiting = len(self._asking[window])
        owed = window.owes(now_s)
        left_s = window.ends_s - now_s if owed else self.limit.window_s
        return Asked(window.address, waiting, window.wish(now_s), owed, max(1, int(left_s * 1000)))

    def _settle(self, window: Window, waiting: Waiting, answer: Answer, now_s: float) -> None:
        """Tell those who waited; those who get nothing wait once more if something may still come back."""
        granted, refused = waiting[: answer.granted], waiting[answer.granted :]
        _resolve(granted, window.standing(self.limit, now_s, admitted=True))
        if not refused:
            return
        refused += self._waiting.pop(window, ())  # they came meanwhile, and would hear the same
        if answer.ahead_ms and not window.retried:
            window.retried = True
            self._patient[window] = refused
            asyncio.get_running_loop().call_later(answer.ahead_ms / 1000, self._try_again, window)
            return
        window.over = True
        _resolve(refused, window.standing(self.limit, now_s, admitted=False))

    def _try_again(self, window: Window) -> None:
        patient = self._patient.pop(window, None)
        if patient:
            self._waiting[window] = [*patient, *self._waiting.get(window, ())]
            self._something.set()

    # --- what is given ahead

    def _note_busy(self, window: Window) -> None:
        self._busy[window] = None
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self._flush_all)

    def _flush_all(self) -> None:
        """Ask for more where requests come, give back where they do not."""
        self._flush = None
        busy, self._busy = self._busy, {}
        now_s = self._clock()
        for window in busy:
            if window.flush():
                self._note_busy(window)
            if window.wish(now_s):
                self._wishing[window] = None
            else:
                self._surrender(window)
        if self._wishing:
            self._something.set()

    def _surrender(self, window: Window) -> None:
        """Give back what is not spent. What was given in a window that has ended is void, here and there."""
        ends_at, unspent = window.ends_at, window.surrender()
        if unspent and ends_at is not None:
            self._back.append(GivenBack(window.address, unspent, ends_at))
            self._something.set()

    def _is_engaged(self, window: Window) -> bool:
        return window in self._waiting or window in self._asking or window in self._patient

    def _forget(self, window: Window) -> None:
        self._surrender(window)
        self._busy.pop(window, None)
        self._wishing.pop(window, None)

    # --- while the shared count is away

    def _go_on_alone(self, why: str) -> None:
        if not self._alone:
            log.warning("rate_limit_alone", why=why)
        self._alone = True
        metrics.RATE_ALONE.set(1)
        self._back.clear()
        self._wishing.clear()
        self._count_the_rest_alone()

    def _count_the_rest_alone(self) -> None:
        for table in (self._asking, self._patient, self._waiting):
            for window, waiting in table.items():
                for admitted in waiting:
                    _resolve([admitted], self._count_alone(window))
            table.clear()

    def _answers_again(self) -> None:
        log.info("rate_limit_shared")
        self._alone = False
        metrics.RATE_ALONE.set(0)
        self._found.set()
        now_s = self._clock()
        for window in self.known:
            if window.owes(now_s):
                self._wishing[window] = None
                self._something.set()

    async def _give_back_at_the_end(self) -> None:
        try:
            if self._back:
                await self._counters.give_back(added_up(self._back))
        except CountersAway:
            log.debug("rate_limit_kept", addresses=len(self._back))


def _resolve(waiting: Waiting, standing: Standing) -> None:
    for admitted in waiting:
        if not admitted.done():  # else its sender has gone
            admitted.set_result(standing)
