import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.common import messages, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.runner import claims, control, grants, in_hand, orders, outcomes, publishing, reports
from services.runner.orders import Order
from tests.unit.runner import fakes, requests

RUNNER = "runner-1"


class Asking:
    """Claims on the in-process bus, with a recorder that answers as a test says."""

    def __init__(self, rules: claims.Rules) -> None:
        self.broker = MemoryBroker(topology.TOPOLOGY.with_own(topology.control_queue(RUNNER)))
        self.clock = fakes.FakeClock()
        self.recorder = fakes.Recorder(self.broker)
        self.bus = MemoryBus(self.broker)
        post = publishing.Post(self.bus, self.clock)
        self.claims = claims.Claims(post, RUNNER, rules)
        self.in_hand = in_hand.InHand()
        self.control = control.Control(self.claims, self.in_hand, reports.Reports(post, RUNNER))

    async def start(self) -> None:
        await self.recorder.start()
        await self.bus.start()
        self.bus.subscribe(topology.control_queue(RUNNER).name, self.control.handle, prefetch=10)

    async def stop(self) -> None:
        await self.bus.stop()
        await self.recorder.stop()

    def held(self, message: in_hand.Work, queue: str = topology.CLAIMED) -> in_hand.Held:
        return in_hand.Held(fakes.FakeDelivery(message, queue=queue), message, self.clock.monotonic())

    def hold_confirms(self) -> "asyncio.Future[None]":
        """Let everything that is published from now on arrive, confirmed only when the future says so."""
        confirm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        publish = self.bus.publish

        def hold(letter: port.Letter) -> "asyncio.Future[None]":
            publish(letter)
            return confirm

        self.bus.publish = hold  # type: ignore[method-assign]  # the one thing that the test decides
        return confirm

    def waiting(self, queue: str) -> int:
        found = self.broker.queue(queue)
        assert found is not None
        return found.depth


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    made = Asking(claims.Rules(in_flight=2, later_after_s=600))
    await made.start()
    yield made
    await made.stop()


def go(claim: messages.Claim, **fields: Any) -> messages.Answer:
    given: dict[str, Any] = {"verdict": "go", "attempt": 2, "request": requests.request(run_id=claim.run_id)} | fields
    return messages.Answer(run_id=claim.run_id, nonce=claim.nonce, **given)


async def test_a_grant_bears_what_the_recorder_says(asking: Asking) -> None:
    step = messages.Step(path="steps[0]", ref="a", type="dict", status="success", started_at_ms=5)
    asking.recorder.answers = lambda claim: go(claim, attempt=3, journal=(step,), now_ms=7)

    grant = await asking.claims.grant(asking.held(messages.Wake(run_id="r")))

    assert isinstance(grant, grants.Grant)
    assert (grant.attempt, grant.journal, grant.now_ms, grant.started_at_ms) == (3, (step,), 7, 5)
    assert grant.request.run_id == "r"


async def test_a_claim_says_what_its_message_replaces_and_where_it_came_from(asking: Asking) -> None:
    asking.recorder.answers = go
    holder = messages.Holder("m", 4)
    held = asking.held(messages.Wake(run_id="r", replaces=holder, replaces_nonce="n"), topology.SUSPECT)

    await asking.claims.grant(held)

    (claim,) = await asking.recorder.wait_for(messages.Claim)
    assert (claim.replaces, claim.replaces_nonce, claim.suspect) == (holder, "n", True)
    assert (claim.message_id, claim.runner_id) == (held.delivery.message_id, RUNNER)
    assert claim.request is None


async def test_a_claim_bears_the_request_where_it_is_in_hand(asking: Asking) -> None:
    asking.recorder.answers = lambda claim: go(claim, request=None)
    request = requests.request()

    grant = await asking.claims.grant(asking.held(request))

    (claim,) = await asking.recorder.wait_for(messages.Claim)
    assert claim.request == request
    assert isinstance(grant, grants.Grant)
    assert grant.request == request


async def test_a_grant_that_nobody_knows_how_to_run_is_unreadable(asking: Asking) -> None:
    asking.recorder.answers = lambda claim: go(claim, request=None)

    outcome = await asking.claims.grant(asking.held(messages.Wake(run_id="r")))

    assert isinstance(outcome, outcomes.Unreadable)


async def test_a_stop_keeps_the_message_until_its_claim_is_confirmed(asking: Asking) -> None:
    """Else the claim could land behind that of the next holder, and take the run from it."""
    held = asking.held(messages.Wake(run_id="r"))
    confirm = asking.hold_confirms()
    asked = asyncio.create_task(asking.claims.grant(held))
    await asking.recorder.wait_for(messages.Claim)

    held.orders.give(Order.STOP)
    for _ in range(20):
        await asyncio.sleep(0)
    still_held = not asked.done()
    confirm.set_result(None)

    with pytest.raises(orders.Told):
        await asked
    assert still_held


async def test_a_wait_that_is_over_starts_the_clock_anew(asking: Asking) -> None:
    asking.recorder.answers = lambda claim: go(claim, now_ms=None)

    grant = await asking.claims.grant(asking.held(messages.Wake(run_id="r")))

    assert isinstance(grant, grants.Grant)
    assert grant.now_ms == fakes.NOW_MS


async def test_a_dropped_message_is_done_with(asking: Asking) -> None:
    asking.recorder.answers = lambda claim: messages.Answer(run_id=claim.run_id, nonce=claim.nonce, verdict="drop")

    outcome = await asking.claims.grant(asking.held(messages.Wake(run_id="r")))

    assert outcome == outcomes.Dropped()


async def test_a_suspect_is_superseded_by_a_message_of_its_own(asking: Asking) -> None:
    holder = messages.Holder("m", 2)
    asking.recorder.answers = lambda claim: messages.Answer(
        run_id=claim.run_id, nonce=claim.nonce, verdict="suspect", replaces=holder
    )
    taken: list[messages.Wake] = []
    asking.bus.subscribe(topology.SUSPECT, lambda delivery: keep(delivery, taken), prefetch=1)

    outcome = await asking.claims.grant(asking.held(messages.Wake(run_id="r")))
    await asyncio.sleep(0)

    assert outcome == outcomes.Superseded()
    assert taken == [messages.Wake(run_id="r", replaces=holder)]


async def keep(delivery: port.Delivery, taken: list[messages.Wake]) -> None:
    taken.append(messages.decode(delivery.schema, delivery.body))
    await delivery.ack()


async def test_a_claim_without_an_answer_makes_room_and_can_be_replaced(asking: Asking) -> None:
    holder = messages.Holder("m", 2)
    task = asyncio.create_task(asking.claims.grant(asking.held(messages.Wake(run_id="r", replaces=holder))))
    (claim,) = await asking.recorder.wait_for(messages.Claim)
    await asking.clock.bounded()

    asking.clock.advance(600)
    outcome = await task

    assert outcome == outcomes.Superseded()
    assert asking.waiting(topology.LATER) == 1
    assert claim.replaces == holder


async def test_few_claims_are_in_flight_at_once(asking: Asking) -> None:
    tasks = [
        asyncio.create_task(asking.claims.grant(asking.held(messages.Wake(run_id=f"r{number}")))) for number in range(4)
    ]
    first = await asking.recorder.wait_for(messages.Claim, 2)
    in_flight = len([event for event in asking.recorder.events if isinstance(event, messages.Claim)])
    asking.recorder.answers = go

    for claim in first:
        await asking.recorder.answer(RUNNER, go(claim))
    granted = await asyncio.gather(*tasks)

    assert in_flight == 2
    assert all(isinstance(grant, grants.Grant) for grant in granted)


async def test_a_claim_out_of_turn_is_made_in_the_end(asking: Asking) -> None:
    waiting = [
        asyncio.create_task(asking.claims.grant(asking.held(messages.Wake(run_id=f"r{number}")))) for number in range(3)
    ]
    await asking.recorder.wait_for(messages.Claim, 2)
    await asking.clock.bounded(3)

    asking.clock.advance(300)

    await asking.recorder.wait_for(messages.Claim, 3)
    await asking.clock.bounded(3)
    asking.clock.advance(300)
    assert await asyncio.gather(*waiting) == [outcomes.Superseded()] * 3


async def test_a_grant_that_nobody_waits_for_is_given_up(asking: Asking) -> None:
    claim = messages.Claim(run_id="r", message_id="m", nonce="old", runner_id=RUNNER, at_ms=1)

    await asking.recorder.answer(RUNNER, go(claim, attempt=5))

    (parked,) = await asking.recorder.wait_for(messages.Parked)
    assert (parked.run_id, parked.attempt, parked.status, parked.until_ms) == ("r", 5, "queued", fakes.NOW_MS)


async def test_an_answer_that_comes_twice_gives_nothing_up(asking: Asking) -> None:
    asking.recorder.answers = go
    await asking.claims.grant(asking.held(messages.Wake(run_id="r")))
    (claim,) = await asking.recorder.wait_for(messages.Claim)

    await asking.recorder.answer(RUNNER, go(claim))
    await asking.recorder.answer(
        RUNNER, go(messages.Claim(run_id="x", message_id="m", nonce="n", runner_id="", at_ms=1))
    )

    (parked,) = await asking.recorder.wait_for(messages.Parked)
    assert parked.run_id == "x"


@pytest.mark.parametrize("order", [Order.STOP, Order.INTERRUPT, Order.LOST])
async def test_an_order_ends_the_wait_for_an_answer(asking: Asking, order: Order) -> None:
    held = asking.held(messages.Wake(run_id="r"))
    task = asyncio.create_task(asking.claims.grant(held))
    await asking.recorder.wait_for(messages.Claim)

    held.orders.give(order)

    with pytest.raises(orders.Told):
        await task


async def test_a_claim_of_unknown_outcome_is_made_again_with_its_nonce(asking: Asking) -> None:
    asking.broker.down()
    task = asyncio.create_task(asking.claims.grant(asking.held(messages.Wake(run_id="r"))))
    asking.clock.on_sleep = asking.broker.up
    asking.recorder.answers = go

    grant = await task

    claimed = await asking.recorder.wait_for(messages.Claim)
    assert isinstance(grant, grants.Grant)
    assert len({claim.nonce for claim in claimed}) == 1
