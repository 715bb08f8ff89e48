"""The same request sent twice runs once: who claims its key first runs, whoever comes later is answered as it was.

A run claims its key before it is published, in the table that all gateways share; the unique index decides. What
becomes of the run is written down afterwards, off the way of its answer: that the broker has it, or has not, and how it
ended with the answer as it was sent, even if its sender had gone or waited too long by then. What a gateway did not
live to write down, the record knows.

Whoever finds a run that goes on asks again, a little later each time, until it has ended or the sender's time is up.
While PostgreSQL is away requests run as if they had no key.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from aiohttp import web

from libs.common import errors, messages
from services.gateway import idempotency, metrics, responses
from services.gateway.idempotency import Verdict
from services.gateway.key_store import Claim, Found, Keys, KeysAway, Mark, Place
from services.gateway.key_talk import KeyTalk
from services.gateway.request_keys import Key

FIRST_PAUSE_S: Final = 0.02
LONGEST_PAUSE_S: Final = 0.5
MAX_ANSWER_BYTES: Final = 1024 * 1024  # a longer one is not kept
MAX_RUNS: Final = 10_000  # whose end is waited for; the end of others stands in the record alone


class Claimant:
    """A run that bears a key: what its gateway tells of it. `answer` is the sender's, where it is known already."""

    def __init__(self, owner: "Deduplication", key: Key, run: messages.RunRequest, answer: web.Response | None) -> None:
        self._owner = owner
        self.place = Place(run.flow_id, key.digest)
        self.request = key.request
        self.run_id = run.run_id
        self.has_end = run.reply_to is not None  # its result comes to this gateway
        self._answer = None if answer is None else responses.kept(answer)

    def claim(self, replaces: str | None = None) -> Claim:
        """Return the wish for the key."""
        return Claim(self.place, self.request, self.run_id, self._answer, replaces)

    def follow(self, outcome: "asyncio.Future[None]") -> None:
        """Tell what becomes of the publishing of the run."""
        outcome.add_done_callback(self._published)

    def withdraw(self) -> None:
        """Tell that the run was not published."""
        self._owner.tell(self, "refused")

    def _published(self, outcome: "asyncio.Future[None]") -> None:
        error = errors.OutcomeUnknown("") if outcome.cancelled() else outcome.exception()
        if error is None:
            self._owner.tell(self, "accepted")
        elif isinstance(error, errors.BusError) and not isinstance(error, errors.OutcomeUnknown):
            self._owner.tell(self, "refused")
        else:
            self._owner.tell(self, "unknown")


class Deduplication:
    """Finds what was sent before, as a part."""

    def __init__(self, keys: Keys) -> None:
        self._talk = KeyTalk(keys)
        self._claimed: dict[str, Claimant] = {}  # by run, until its end has been told
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begin to connect."""
        await self._talk.start()

    async def stop(self) -> None:
        """Tell what there is to tell, and close."""
        self.close()
        await self._talk.stop()

    def close(self) -> None:
        """Answer everybody who waits for another's run."""
        self._stopping.set()

    # --- for requests

    async def earlier(self, claimant: Claimant, *, timeout_s: float) -> web.Response | None:
        """Return the answer that the first run with this key was given, waiting for it if need be.

        None: the claimant's run is to be published, as the first one, in place of one that does not count, or because
        nobody can tell. `IdempotencyConflict` if the key belongs to another request. After `timeout_s`: `timeout`.
        """
        clock = asyncio.get_running_loop().time
        deadline_s = clock() + timeout_s
        awaited: str | None = None
        for pause_s in _pauses():
            try:
                found = await self._look(claimant, awaited)
            except KeysAway:
                if awaited is None:
                    metrics.UNDEDUPLICATED.inc()
                    return None
            else:
                if found is None:
                    return None
                if found.verdict is not Verdict.WAIT:
                    return _answer(found)
                awaited = found.run_id
            left_s = deadline_s - clock()
            if self._stopping.is_set() or left_s <= 0:
                return responses.failed(self._why_not(timeout_s), awaited)
            await self._rest(min(pause_s, left_s))
        raise AssertionError("the pauses have no end")

    async def _look(self, claimant: Claimant, awaited: str | None) -> "Standing | None":
        """Return how it stands with the key; None once it is the claimant's."""
        if awaited is None and await self._claim(claimant):
            return None
        while True:
            found = await self._talk.find(claimant.place)
            replaces = None
            if found is not None:
                replaces = found.earlier.run_id
                if replaces == claimant.run_id:  # an answer was lost
                    return None
                verdict = idempotency.decide(found.earlier, claimant.request, awaited=replaces == awaited)
                if verdict is not Verdict.RUN:
                    return Standing(verdict, found)
            if await self._claim(claimant, replaces):
                return None

    async def _claim(self, claimant: Claimant, replaces: str | None = None) -> bool:
        if self._talk.answers:  # even if the answer is lost, the claim may stand
            self._claimed[claimant.run_id] = claimant
            if len(self._claimed) > MAX_RUNS:
                del self._claimed[next(iter(self._claimed))]
        if await self._talk.claim(claimant.claim(replaces)):
            return True
        self._claimed.pop(claimant.run_id, None)
        return False

    async def _rest(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), pause_s)

    def _why_not(self, timeout_s: float) -> errors.RequestError:
        if self._stopping.is_set():
            return errors.Unavailable("This gateway stops. The run goes on.", headers={"Retry-After": "2"})
        seconds = f"{timeout_s:g} seconds"
        return errors.Timeout(f"The run of the first request with this key did not end within {seconds}. It goes on.")

    # --- what becomes of runs

    def ended(self, result: messages.Result) -> None:
        """Take the end of a run, of whichever."""
        claimant = self._claimed.pop(result.run_id, None) if self._claimed else None
        if claimant is not None:
            answer = responses.kept(responses.of_result(result))
            state: idempotency.State = "succeeded" if result.status == "success" else "failed"
            kept = answer if len(answer) <= MAX_ANSWER_BYTES else None
            self._talk.tell(Mark(claimant.place, claimant.run_id, state, kept))

    def tell(self, claimant: Claimant, state: idempotency.State) -> None:
        """Take what became of the publishing of a run, unless its end has come already."""
        if self._claimed.get(claimant.run_id) is not claimant:
            return
        self._talk.tell(Mark(claimant.place, claimant.run_id, state))
        if state == "refused" or not claimant.has_end:
            del self._claimed[claimant.run_id]


class Standing(NamedTuple):
    """How it stands with a key that another run has."""

    verdict: Verdict
    found: Found

    @property
    def run_id(self) -> str:
        """That run."""
        return self.found.earlier.run_id


def _answer(standing: Standing) -> web.Response:
    found = standing.found
    match standing.verdict:
        case Verdict.CONFLICT:
            raise errors.IdempotencyConflict(
                "This idempotency key was used for another request: method, query and body must be the same. "
                "Send a key of its own with each request."
            )
        case Verdict.FORGOTTEN:
            gone = errors.Conflict(
                "The first request with this idempotency key has run, and well, but its answer was not kept."
            )
            return responses.failed(gone, standing.run_id)
    metrics.REPLAYED.inc()
    if found.kept is not None:
        return responses.replayed(found.kept, standing.run_id)
    if standing.verdict is Verdict.REPLAY_RECORD and found.recorded is not None:
        return responses.replayed(found.recorded, standing.run_id)
    return responses.again(responses.failed(errors.FlowFailed("The flow failed."), standing.run_id))


def _pauses() -> Iterator[float]:
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
