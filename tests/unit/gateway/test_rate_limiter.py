"""Gateways that limit together, on a shared count in memory and in virtual time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from services.gateway.rate_counters import Asked, GivenBack
from services.gateway.rate_limiter import Limiter
from services.gateway.rate_window import Answer, Limit
from tests.unit.gateway import virtual_time
from tests.unit.gateway.counters import CountersBoard, MemoryCounters

ADDRESS = "192.0.2.1"


class SlowCounters(MemoryCounters):
    """As far away as the test says: `ways_s` is gone through, a question and its answer taking one each."""

    def __init__(self, board: "ClockedBoard", ways_s: Sequence[float]) -> None:
        super().__init__(board)
        self._ways_s = ways_s
        self._trips = 0

    async def count(self, asked: Sequence[Asked]) -> Mapping[str, Answer]:
        await self._travel()
        answers = await super().count(asked)
        await self._travel()
        return answers

    async def give_back(self, back: Sequence[GivenBack]) -> None:
        await self._travel()
        await super().give_back(back)
        await self._travel()

    async def _travel(self) -> None:
        self._trips += 1
        await asyncio.sleep(self._ways_s[self._trips % len(self._ways_s)])


class ClockedBoard(CountersBoard):
    """Its clock is the loop's."""

    windows = 0

    def count(self, asked: Sequence[Asked]) -> Mapping[str, Answer]:
        self.now_ms = int(asyncio.get_running_loop().time() * 1000)
        known = {address: row.ends_ms for address, row in self.rows.items() if row.ends_ms > self.now_ms}
        answers = super().count(asked)
        self.windows += sum(one.address not in known for one in asked)
        return answers


@dataclass
class Site:
    """Gateways on one board, whose clocks show another time each and may run at another pace."""

    limit: Limit
    gateways: int = 2
    ways_s: Sequence[float] = (0.001,)
    paces: Sequence[float] = (1.0,)
    max_addresses: int = 1000
    limiters: list[Limiter] = field(default_factory=list)

    async def __aenter__(self) -> "Site":
        loop = asyncio.get_running_loop()
        self.board = ClockedBoard(self.limit)
        for number in range(self.gateways):
            pace = self.paces[number % len(self.paces)]
            self.limiters.append(
                Limiter(
                    self.limit,
                    SlowCounters(self.board, self.ways_s),
                    clock=lambda pace=pace, number=number: 7.0 * number + pace * loop.time(),  # type: ignore[misc]  # mypy has no type for defaults of lambdas
                    max_addresses=self.max_addresses,
                )
            )
        for limiter in self.limiters:
            await limiter.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for limiter in self.limiters:
            await limiter.stop()

    async def admits(self, gateway: int = 0, address: str = ADDRESS) -> bool:
        limiter = self.limiters[gateway]
        standing = limiter.spend(address) or await limiter.count(address)
        return standing.admitted

    async def admitted(self, number: int, gateway: int = 0, address: str = ADDRESS) -> int:
        """Return how many of so many requests at the same time are admitted."""
        return sum(await asyncio.gather(*(self.admits(gateway, address) for _ in range(number))))


Burst = tuple[float, int, int]  # seconds after the last one, gateway, requests

bursts = st.lists(
    st.tuples(st.sampled_from([0.0, 0.001, 0.01, 0.05, 0.2, 1.0]), st.integers(0, 3), st.integers(1, 40)),
    min_size=1,
    max_size=40,
)
ways = st.lists(st.sampled_from([0.0, 0.0005, 0.004, 0.02]), min_size=1, max_size=5)


async def play(site: Site, plan: Sequence[Burst]) -> list[bool]:
    """Send every burst in its time; return the words that its requests got."""
    senders = []
    for pause_s, gateway, number in plan:
        await asyncio.sleep(pause_s)
        senders += [asyncio.create_task(site.admits(gateway)) for _ in range(number)]
    return await asyncio.gather(*senders)


@settings(max_examples=60, deadline=None)
@given(plan=bursts, ways_s=ways, requests=st.integers(1, 120))
def test_in_one_window_the_limit_is_admitted_and_no_more_whatever_the_interleaving(
    plan: list[Burst], ways_s: list[float], requests: int
) -> None:
    async def story() -> list[bool]:
        async with Site(Limit(requests, 3600), gateways=4, ways_s=ways_s) as site:
            return await play(site, plan)

    words = virtual_time.run(story)

    assert sum(words) == min(len(words), requests)


@settings(max_examples=60, deadline=None)
@given(plan=bursts, ways_s=ways, requests=st.integers(1, 60), window_s=st.sampled_from([0.3, 1.0, 2.0]))
def test_over_many_windows_no_more_than_the_limit_is_admitted_in_each(
    plan: list[Burst], ways_s: list[float], requests: int, window_s: float
) -> None:
    async def story() -> tuple[int, int]:
        limit = Limit(requests, window_s)
        async with Site(limit, gateways=4, ways_s=ways_s, paces=(1.0, 1.0005, 0.9995, 1.0)) as site:
            return sum(await play(site, plan)), site.board.windows

    admitted, windows = virtual_time.run(story)

    assert admitted <= windows * requests


@settings(max_examples=60, deadline=None)
@given(plan=bursts, ways_s=ways, requests=st.integers(1, 60), outages=st.lists(st.floats(0.01, 3), max_size=8))
def test_whenever_the_count_goes_away_each_gateway_keeps_to_the_limit_and_answers(
    plan: list[Burst], ways_s: list[float], requests: int, outages: list[float]
) -> None:
    async def story() -> tuple[int, int]:
        async with Site(Limit(requests, 3600), gateways=4, ways_s=ways_s) as site:

            async def come_and_go() -> None:
                for lasting_s in outages:
                    await asyncio.sleep(lasting_s)
                    site.board.away = not site.board.away

            weather = asyncio.create_task(come_and_go())
            words = await play(site, plan)
            await weather
            return len(words), sum(words)

    words, admitted = virtual_time.run(story)

    assert words == sum(number for _, _, number in plan)
    assert admitted <= 4 * requests


def test_the_window_begins_with_an_addresss_first_request_and_ends_for_all_gateways() -> None:
    async def story() -> list[int]:
        async with Site(Limit(5, 300)) as site:
            await asyncio.sleep(1000)
            first = await site.admitted(7, gateway=0)
            await asyncio.sleep(299)
            still = await site.admitted(7, gateway=1)
            await asyncio.sleep(1.1)
            return [first, still, await site.admitted(4, gateway=1), await site.admitted(4, gateway=0)]

    assert virtual_time.run(story) == [5, 0, 4, 1]


def test_after_the_seconds_that_a_refused_sender_is_told_any_gateway_admits_it() -> None:
    async def story() -> bool:
        async with Site(Limit(5, 300), gateways=3, paces=(1.0, 0.9996, 1.0004)) as site:
            await site.admitted(5)
            await asyncio.sleep(17.01)
            refused = [await limiter.count(ADDRESS) for limiter in site.limiters]
            assert not any(standing.admitted for standing in refused)
            await asyncio.sleep(max(standing.reset_s for standing in refused))
            return all([await site.admits(gateway) for gateway in range(3)])

    assert virtual_time.run(story)


def test_a_busy_address_far_from_its_limit_is_mostly_admitted_without_a_question() -> None:
    async def story() -> tuple[int, int]:
        async with Site(Limit(1_000_000, 300), gateways=1) as site:
            admitted = 0
            for _ in range(1000):
                admitted += await site.admits()
                await asyncio.sleep(0.002)
            return admitted, site.board.questions

    admitted, questions = virtual_time.run(story)

    assert admitted == 1000
    assert questions < 60


def test_a_refused_request_waits_for_what_another_gateway_may_give_back() -> None:
    async def story() -> tuple[int, int, int]:
        async with Site(Limit(100, 300)) as site:
            quiet = await site.admitted(10, gateway=0)
            await asyncio.sleep(0.06)
            lent = site.limiters[0].known.find_or_add(ADDRESS).unspent
            return quiet, lent, await site.admitted(200, gateway=1)

    assert virtual_time.run(story) == (10, 11, 90)


def test_requests_that_come_while_a_question_is_under_way_share_the_next_one() -> None:
    async def story() -> int:
        async with Site(Limit(300, 300), gateways=1, ways_s=(0.01,)) as site:
            before = site.board.questions
            await asyncio.gather(*(site.admits(address=f"192.0.2.{n % 50}") for n in range(200)))
            return site.board.questions - before

    assert virtual_time.run(story) <= 2


def test_what_is_not_needed_any_more_is_given_back() -> None:
    async def story() -> int:
        async with Site(Limit(1000, 300), gateways=1) as site:
            for _ in range(50):
                await site.admits()
                await asyncio.sleep(0.001)
            await asyncio.sleep(1)
            return site.board.rows[ADDRESS].taken

    assert virtual_time.run(story) == 50


def test_an_address_over_its_limit_asks_nothing_until_its_window_ends() -> None:
    async def story() -> tuple[int, int]:
        async with Site(Limit(3, 300), gateways=1) as site:
            await site.admitted(5)
            await asyncio.sleep(1)
            before = site.board.questions
            for _ in range(100):
                await site.admits()
                await asyncio.sleep(1)
            return site.board.questions - before, await site.admitted(1)

    assert virtual_time.run(story) == (0, 0)


def test_a_million_addresses_do_not_fill_the_memory_and_free_nobody() -> None:
    async def story() -> tuple[int, int, bool]:
        async with Site(Limit(3, 300), gateways=1, max_addresses=100) as site:
            over = await site.admitted(5)
            for batch in range(20):
                await asyncio.gather(*(site.admits(address=f"{batch}.{n}") for n in range(200)))
            return over, len(site.limiters[0].known), await site.admits()

    over, known, again = virtual_time.run(story)

    assert (over, again) == (3, False)
    assert known <= 200  # those that wait are kept


def test_while_the_count_is_away_each_gateway_goes_on_with_what_it_knows() -> None:
    async def story() -> tuple[list[int], float, float, int]:
        async with Site(Limit(10, 300)) as site:
            first = await site.admitted(4, gateway=0)
            site.board.away = True
            alone = [await site.admitted(20, gateway=gateway) for gateway in (0, 1)]
            away = REGISTRY.get_sample_value("flowhook_gateway_rate_limit_alone") or 0.0
            site.board.away = False
            await asyncio.sleep(2)
            found = REGISTRY.get_sample_value("flowhook_gateway_rate_limit_alone") or 0.0
            return [first, *alone], away, found, site.board.rows[ADDRESS].taken

    admitted, away, found, taken = virtual_time.run(story)

    assert admitted == [4, 6, 10]
    assert (away, found) == (1, 0)
    assert taken == 20


def test_what_was_counted_alone_is_told_once() -> None:
    async def story() -> int:
        async with Site(Limit(100, 300), gateways=1) as site:
            site.board.away = True
            await site.admitted(1)
            await site.admitted(5)
            site.board.away = False
            await asyncio.sleep(2)
            for _ in range(3):
                await site.admits()
                await asyncio.sleep(1)
            return site.board.rows[ADDRESS].taken

    assert virtual_time.run(story) == 9


def test_what_is_known_survives_a_count_that_forgot_everything() -> None:
    async def story() -> tuple[int, int]:
        async with Site(Limit(10, 300), gateways=1) as site:
            await site.admitted(12)
            site.board.rows.clear()
            refused = await site.admitted(5)
            await asyncio.sleep(301)
            return refused, await site.admitted(12)

    assert virtual_time.run(story) == (0, 10)


def test_a_sender_that_has_gone_holds_up_nobody() -> None:
    async def story() -> list[bool]:
        async with Site(Limit(10, 300), gateways=1, ways_s=(0.05,)) as site:
            gone, stays = (asyncio.create_task(site.admits()) for _ in range(2))
            await asyncio.sleep(0.01)
            gone.cancel()
            return [await stays, await site.admits()]

    assert virtual_time.run(story) == [True, True]


def test_a_stop_leaves_nobody_waiting_and_gives_back() -> None:
    async def story() -> tuple[bool, int]:
        async with Site(Limit(1000, 300), gateways=1, ways_s=(0.01,)) as site:
            for _ in range(10):
                await site.admits()
            waiting = asyncio.create_task(site.admits(address="192.0.2.2"))
            await asyncio.sleep(0)
            await site.limiters[0].stop()
            return await waiting, site.board.rows[ADDRESS].taken

    assert virtual_time.run(story) == (True, 10)
