"""Asking the recorder whether a run may be executed.

A claim stands in the recorder's queue behind everything that a lost runner managed to publish. It holds no slot, and
few are in flight at once: while the recorder is away they wait, and fresh runs go on. One that has no answer for long
makes room: a `later` message with its nonce takes its place, and the grant that may still come for it can be replaced.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import structlog

from libs.common import clock, ids, messages, topology
from libs.common.bus import port, waiters
from services.runner import grants, in_hand, metrics, orders, outcomes, publishing

log = structlog.get_logger(__name__)

REMEMBERED: Final = 10_000  # nonces whose answer was taken: one that comes twice is not unwanted


@dataclass(frozen=True, slots=True)
class Rules:
    """How many claims are in flight, and how long one waits for its answer."""

    in_flight: int = 8
    later_after_s: float = 600


class Claims:
    """The claims of one runner and the answers to them."""

    def __init__(self, post: publishing.Post, runner_id: str, rules: Rules) -> None:
        self._post = post
        self._clock: clock.Clock = post.clock
        self._runner_id = runner_id
        self._rules = rules
        self._in_flight = asyncio.Semaphore(rules.in_flight)
        self._waiters: waiters.Waiters[messages.Answer] = waiters.Waiters()
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def grant(self, held: in_hand.Held) -> grants.Grant | outcomes.Outcome:
        """Ask, and return the grant, or what becomes of the message without one; `Told` and `LeaseLost` end it."""
        claim = self._claim(held)
        answer = await self._ask_in_turn(claim, held)
        metrics.CLAIMS.labels("none" if answer is None else answer.verdict).inc()
        if answer is None:
            wake = messages.Wake(run_id=claim.run_id, replaces=claim.replaces, replaces_nonce=claim.nonce)
            return await self._superseded("later", wake, held.delivery.lease)
        return await self._follow(answer, held)

    def _claim(self, held: in_hand.Held) -> messages.Claim:
        message = held.message
        wake = message if isinstance(message, messages.Wake) else None
        return messages.Claim(
            run_id=message.run_id,
            message_id=held.delivery.message_id,
            nonce=ids.new_id(),
            runner_id=self._runner_id,
            at_ms=self._clock.now_ms(),
            suspect=held.delivery.queue == topology.SUSPECT,
            redelivered=held.delivery.redelivered,
            replaces=None if wake is None else wake.replaces,
            replaces_nonce=None if wake is None else wake.replaces_nonce,
            request=message if isinstance(message, messages.RunRequest) else None,
        )

    async def _ask_in_turn(self, claim: messages.Claim, held: in_hand.Held) -> messages.Answer | None:
        """Ask once few others do. Half of the time is for that; after it the claim is made all the same.

        It has to be: only a claim in the recorder's queue lets another message take this one's place.
        """
        begun = self._clock.monotonic()
        with held.orders.interruptible(orders.BEFORE_IT_BEGINS):
            in_turn = await self._turn(self._rules.later_after_s / 2)
        try:
            left_s = self._rules.later_after_s - (self._clock.monotonic() - begun)
            return await self._ask(claim, held, left_s)
        finally:
            if in_turn:
                self._in_flight.release()

    async def _turn(self, seconds: float) -> bool:
        if not self._in_flight.locked():
            return await self._in_flight.acquire()
        try:
            async with self._clock.timeout(seconds):
                return await self._in_flight.acquire()
        except TimeoutError:
            return False

    async def _ask(self, claim: messages.Claim, held: in_hand.Held, seconds: float) -> messages.Answer | None:
        """Publish the claim and return its answer, or None if there is none for so long.

        A stop breaks the wait for the answer, never the wait for the confirm: a message that went back while its claim
        was on the way would be claimed by its next holder first, and this claim, behind that one, would take the run
        from it.
        """
        lease = held.delivery.lease
        with self._waiters.expect(claim.nonce) as answered:
            await self._post.send(port.letter(topology.EVENTS, "claim", claim, lease=lease)).confirmed()
            try:
                with held.orders.interruptible(orders.BEFORE_IT_BEGINS):
                    async with self._clock.timeout(seconds):
                        return await answered
            except TimeoutError:
                log.warning("claim_unanswered", run_id=claim.run_id, nonce=claim.nonce)
                return None

    async def _follow(self, answer: messages.Answer, held: in_hand.Held) -> grants.Grant | outcomes.Outcome:
        match answer.verdict:
            case "drop":
                return outcomes.Dropped()
            case "suspect":
                wake = messages.Wake(run_id=answer.run_id, replaces=answer.replaces)
                return await self._superseded("suspect", wake, held.delivery.lease)
            case "go":
                request = answer.request
                if request is None and isinstance(held.message, messages.RunRequest):
                    request = held.message
                if request is None:
                    return outcomes.Unreadable("granted, but nobody knows what to run")
                return grants.answered(answer, request, held, self._clock.now_ms())

    async def _superseded(self, key: str, wake: messages.Wake, lease: port.Lease) -> outcomes.Superseded:
        await self._post.send(port.letter(topology.AGAIN, key, wake, alone=True, lease=lease)).confirmed()
        return outcomes.Superseded()

    def answered(self, answer: messages.Answer) -> bool:
        """Hand an answer to whoever asked; False if it grants what nobody here will use."""
        if self._waiters.resolve(answer.nonce, answer):
            self._taken[answer.nonce] = None
            if len(self._taken) > REMEMBERED:
                self._taken.popitem(last=False)
            return True
        return answer.verdict != "go" or answer.nonce in self._taken
