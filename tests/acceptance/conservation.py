"""What must hold once the faults are over: nothing accepted is missing, done twice, unended or another's."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tests.acceptance.chaos import Fault
from tests.acceptance.chaos_senders import KINDS, Ledger, Sent
from tests.acceptance.installation import Installation, Reply
from tests.acceptance.processes import eventually

AT_ONCE = 8
UNFINISHED = ("queued", "running", "waiting", "retrying")
GIVEN_UP = {"crashed": 5, "unavailable": 0}  # how many faults must have touched a run that ends so


async def record_of(installation: Installation, *, within_s: float) -> list[Any]:
    """Return every run with its steps once all have ended; AssertionError with those that have not."""
    turn = asyncio.Semaphore(AT_ONCE)
    left: list[Any] = []

    async def whole(run_id: str) -> Any:
        async with turn:
            return await installation.api("GET", f"/v1/runs/{run_id}")

    async def look() -> list[Any] | None:
        nonlocal left
        left = [run for run in await _listed(installation) if _is_unsettled(run)]
        if left:
            return None
        runs = await asyncio.gather(*(whole(run["id"]) for run in await _listed(installation)))
        left = [run for run in runs if _is_unsettled(run)]  # what the recorder has only just come to
        return None if left else runs

    try:
        return await eventually(look, within_s=within_s, what="the end of all runs")
    except AssertionError as error:
        raise AssertionError(f"{error}: {len(left)} left, {left[:5]}") from error


def _is_unsettled(run: Any) -> bool:
    """Tell whether more is to come: its end, or the copy of its request, which its result may have overtaken."""
    return run["status"] in UNFINISHED or (run["status"] == "success" and run["flow_id"] is None)


async def _listed(installation: Installation, which: str = "") -> list[Any]:
    runs: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await installation.api("GET", f"/v1/runs?cursor={cursor}{which}" if cursor else f"/v1/runs?{which[1:]}")
        runs += page["items"]
        cursor = page["next_cursor"]
    return runs


def violations(sent: Sequence[Sent], runs: Sequence[Any], outside: Ledger, faults: Sequence[Fault]) -> list[str]:
    """Return what was broken, in words."""
    numbers = Counter(run["input"]["n"] for run in runs if run["flow_id"])
    found = [f"{number} ran {times} times" for number, times in numbers.items() if times > 1]
    ids = Counter(run["id"] for run in runs)
    found += [f"run {run_id} is in the record {times} times" for run_id, times in ids.items() if times > 1]
    by_id = {run["id"]: run for run in runs}
    for one in sent:
        if one.reply is not None:
            found += [f"{one.kind} {one.number}: {fault} ({one.reply})" for fault in _of_reply(one, by_id)]
    for run in runs:
        found += [f"run {run['id']} ({run['flow_name']}): {fault}" for fault in _of_run(run, outside, faults)]
    return found


def _of_reply(one: Sent, runs: dict[str, Any]) -> Iterator[str]:
    """Hold what a sender was told against the record."""
    reply = one.reply
    assert reply is not None
    run_id = reply.headers.get("Flowhook-Run-Id")
    run = runs.get(run_id or "")
    if run is None and reply.status != 503:
        yield "answered without a run" if run_id is None else "accepted, and not in the record"
    if run is None:
        return
    if run["flow_id"] and run["input"] != {"n": one.number}:
        yield f"another's run, of {run['input']}"
    if reply.status != 503 and run["error"] and run["error"]["code"] == "unavailable":
        yield "accepted, and closed as unavailable"
    if reply.status not in (408, 503):
        yield from _of_answer(one, reply, run)


def _of_answer(one: Sent, reply: Reply, run: Any) -> Iterator[str]:
    """Hold the flow's own answer against what it should be, and against the record."""
    status, content = KINDS[one.kind].answer(one.number)
    if run["error"] and run["error"]["code"] in GIVEN_UP:
        status = 500
    if reply.status != status:
        yield f"answered {reply.status} instead of {status}"
    elif status < 300 and reply.json != content:
        yield f"got {reply.json}"
    recorded = run["response"]
    if recorded and (recorded["status"], json.loads(recorded["body"])) != (reply.status, reply.json):
        yield f"the record says {recorded}"


def _of_run(run: Any, outside: Ledger, faults: Sequence[Fault]) -> Iterator[str]:
    """Hold a run's record against its flow and against what was called outside."""
    # A request that was refused, or overtaken by its own result, may be known by what others say of it alone.
    since = run["received_at"] or run["started_at"] or run["finished_at"]
    touched = [fault for fault in faults if fault.touches("runner", _ms(since), _ms(run["finished_at"]))]
    code = run["error"] and run["error"]["code"]
    if code in GIVEN_UP:
        if len(touched) < GIVEN_UP[code]:
            yield f"{code} after {len(touched)} faults"
        return
    kind, number = KINDS[run["flow_name"]], run["input"]["n"]
    if run["status"] != kind.status:
        yield f"ended in {run['status']}: {run['error']}"
    journaled = [step["ref"] for step in run["steps"] if step["type"] == "http" and step["status"] == "success"]
    if journaled != list(kind.calls):
        yield f"recorded the calls {journaled}"
    for ref in kind.calls:
        calls = outside.called_at_ms[f"/{number}/{ref}"]
        if not 1 <= len(calls) <= 1 + len(touched):
            yield f"called {ref} {len(calls)} times, touched by {len(touched)} faults"
    late = [fault for fault in touched if fault.kind not in ("kill", "terminate")]
    if len(kind.calls) == 2:
        first_two = min(outside.called_at_ms[f"/{number}/two"], default=0)
        again = [at_ms for at_ms in outside.called_at_ms[f"/{number}/one"] if at_ms > first_two]
        if len(again) > len(late):
            yield f"called one {len(again)} times after two, though it was journaled"


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
