"""One interleaving: what happens is drawn from one seed, first with faults, then without, until all is quiet."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec

from libs.common import messages
from services.debugger import records
from tests.model import broker, oracle, recorder, runner, sweeper, weather
from tests.model.broker import MINUTE, SECOND
from tests.model.flow import Flow

PAUSES_MS: Final = (50, 50, SECOND, 3 * SECOND, 20 * SECOND, MINUTE, 5 * MINUTE, 6 * MINUTE, 11 * MINUTE, 40 * MINUTE)
ROUNDS: Final = 600


@dataclass(slots=True)
class Simulation:
    """A small installation. `play` raises `oracle.Violation`."""

    seed: int
    rng: random.Random = field(init=False)
    faults: weather.Weather = field(init=False)
    queues: broker.Broker = field(init=False)
    watch: oracle.Oracle = field(default_factory=oracle.Oracle)
    record: recorder.Recorder = field(init=False)
    scheduler: recorder.Scheduler = field(init=False)
    sweeps: sweeper.Sweeper = field(init=False)
    runners: list[runner.Runner] = field(default_factory=list)
    flows: dict[str, Flow] = field(default_factory=dict)
    coming: list[messages.RunRequest] = field(default_factory=list)
    refusals: list[messages.Refused] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    losses: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.faults = weather.weather(self.rng)
        self.queues = broker.Broker(self.rng)
        self.record = recorder.Recorder(self.queues, self.watch)
        self.scheduler = recorder.Scheduler(self.queues, self.record)
        self.sweeps = sweeper.Sweeper(self.queues, self.record)
        for _ in range(self.faults.runners):
            self.runners.append(self._new_runner())
        for number in range(self.faults.runs):
            self._plan(number)

    def play(self) -> None:
        """Play it to the end."""
        for _ in range(self.faults.moments):
            self._moment()
        self.settle()
        self.judge()

    def story(self, run_id: str) -> str:
        """Return what happened to a run, and to all, a line each."""
        lines = (line for line in self.queues.trace if line[2] in ("", run_id))
        return "\n".join(f"{at_ms:>10} {what:<14} " + " ".join(map(str, rest)) for at_ms, what, _, *rest in lines)

    # --- with faults -------------------------------------------------------------------------------------------------

    def _plan(self, number: int) -> None:
        run_id = f"planned {number}"
        self.flows[run_id] = weather.flow(self.rng, poisoned=self.faults.poison and number == 0)
        request = messages.RunRequest(
            run_id=run_id,
            flow_id="f",
            flow_name="",
            flow_version=1,
            document=messages.NULL,
            mode="async",
            lane=self.rng.randrange(len(broker.LANES)),
            trigger=messages.Trigger(kind="webhook"),
            received_at_ms=0,
            input=messages.NULL,
            must_claim=self.queues.chance(0.1),
        )
        self.coming += [request] * (2 if request.must_claim and self.queues.chance(0.5) else 1)

    def _new_runner(self) -> runner.Runner:
        runner_id = self.queues.new_id("r")
        self.queues.control[runner_id] = []
        return runner.Runner(runner_id, self.queues, self.watch, self.flows)

    def _moment(self) -> None:
        """Let one thing happen."""
        draw = self.rng.random()
        if draw < 0.62:
            self._run_one()
        elif draw < 0.80:
            self.record.step()
        elif draw < 0.83:
            self.scheduler.step()
        elif draw < 0.87:
            if self.faults.sweeper:
                self.sweeps.step()
        elif draw < 0.91:
            self.pass_time(self._pause_ms())
        elif draw < 0.95:
            self._accept()
        elif self.losses < self.faults.losses:
            self._fault()
            self.losses += 1

    def _run_one(self) -> None:
        one = self.rng.choice(self.runners)
        choices = one.choices()
        if choices:
            self.rng.choice(choices)()
        self._bury(one)

    def _bury(self, one: runner.Runner) -> None:
        """Put another runner in the place of one that is gone."""
        gone = one.stopping and not one.slots and not one.outbox
        if one.killed or gone:
            if not gone:
                one.lose()
            del self.queues.control[one.id]
            self.runners[self.runners.index(one)] = self._new_runner()

    def _pause_ms(self) -> int:
        """Draw how long nothing happens: often until a message that is held has its turn."""
        turn_ms = min(self._turns(), default=0) - self.queues.now_ms
        return turn_ms if turn_ms > 0 and self.queues.chance(0.3) else self.rng.choice(PAUSES_MS)

    def _turns(self) -> list[int]:
        return [slot.rests_until_ms for one in self.runners for slot in one.slots if slot.stage == "held"]

    def pass_time(self, ms: int) -> None:
        """Let time go by. A connection that moves nothing for long is lost, so is a channel that holds one message."""
        while ms > 0:
            stretch_ms = min(ms, 20 * MINUTE)
            ms -= stretch_ms
            until_ms = self.queues.now_ms + stretch_ms
            for one in self.runners:
                while one.outbox and until_ms - one.outbox[0].at_ms > runner.SILENCE_MS:
                    if self.queues.chance(0.8) or self.losses >= self.faults.losses:
                        one.confirm()
                    else:
                        self.losses += 1
                        one.lose()
            self.queues.pass_time(stretch_ms)
            for one in self.runners:
                if any(until_ms - slot.since_ms > runner.CHANNEL_MS for slot in one.slots):
                    one.lose()
                self._bury(one)

    def _accept(self) -> None:
        """A gateway takes a request: it knows that the broker holds it, or it does not know and refuses."""
        if self.refusals and self.queues.chance(0.5):
            self.queues.events.append(self.refusals.pop())
            return
        if not self.coming:
            return
        request = self.coming.pop(0)
        request = messages.decode(request.schema, messages.encode(request))
        request = self._received(request)
        known = request.must_claim or self.queues.chance(0.85)
        work = record = known or self.queues.chance(0.5)
        if not known and self.faults.sweeper:
            record = self.queues.chance(0.5)
        self.queues.log("accept", request.run_id, self.flows[request.run_id], known, work, record)
        if work:
            self.queues.put(broker.LANES[request.lane], request)
        if record:
            self.queues.events.append(request)
        if known:
            self.accepted.append(request.run_id)
        else:
            self.refusals.append(messages.Refused(run_id=request.run_id, at_ms=self.queues.now_ms))

    def _received(self, planned: messages.RunRequest) -> messages.RunRequest:
        """Return the request as it comes in: its id tells when it did. What is published twice keeps its id."""
        now_ms, number = self.queues.now_ms, len(self.ids)
        run_id = self.ids.setdefault(planned.run_id, str(UUID(int=now_ms << 80 | number)))
        self.flows[run_id] = self.flows[planned.run_id]
        return msgspec.structs.replace(planned, run_id=run_id, received_at_ms=now_ms)

    def _fault(self) -> None:
        one = self.rng.choice(self.runners)
        these: list[Callable[[], Any]] = [
            one.lose,
            lambda: self._kill(one),
            lambda: self._kill(one),
            one.stop,
            one.interrupt if one.stopping else one.stop,
            self.record.fail,
            self.record.fail,
            self.record.haunt if self.record.ghosts else self.record.fail,
            self.scheduler.fail,
            self._restart_broker,
        ]
        if one.outbox:
            these += [one.doubt, one.doubt, one.lose]
        if self.record.told is not None and self.record.told.answers:
            these += [self.record.fail] * 6
        if self.queues.control[one.id]:
            these.append(self.queues.control[one.id].clear)
        if self.faults.sweeper:
            these += [lambda: self.queues.purge(self.rng.choice(broker.WORK))] * 2
        self.rng.choice(these)()
        self._bury(one)

    def _kill(self, one: runner.Runner) -> None:
        self.queues.log("kill", "", one.id)
        one.killed = True

    def _restart_broker(self) -> None:
        self.queues.log("broker restarts", "")
        for one in self.runners:
            one.lose()
            self.queues.control[one.id].clear()
        self.record.fail()

    # --- without faults ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything come to rest."""
        while self.record.ghosts:
            self.record.haunt()
        for _ in range(ROUNDS):
            while self._progress():
                pass
            if self._is_quiet():
                return
            self.pass_time(self._until_next_ms())

    def _progress(self) -> bool:
        moved = False
        while self.coming or self.refusals:
            self._accept()
        for one in list(self.runners):
            for choice in one.choices()[:1]:
                choice()
                moved = True
            self._bury(one)
        moved |= self.record.step()
        moved |= self.scheduler.step()
        return moved or (self.faults.sweeper and self.sweeps.step())

    def _is_quiet(self) -> bool:
        rows = self.record.rows.values()
        return all(run.ended or self._never_came(run) for run in rows) and all(
            run_id in self.record.rows for run_id in self.accepted
        )

    def _until_next_ms(self) -> int:
        """Return how long nothing happens by itself."""
        now_ms = self.queues.now_ms
        states = [run.state for run in self.record.rows.values() if run.state is not None]
        next_ms = [now_ms + 7 * MINUTE, *self._turns()]
        next_ms += [state.parked_until_ms for state in states if state.parked_until_ms is not None]
        next_ms += [message.expires_ms for message in self.queues.work[broker.LATER]]
        return max(1, min(at_ms for at_ms in next_ms if at_ms > now_ms) - now_ms)

    def judge(self) -> None:
        """Nothing is lost: what was accepted has ended, in success unless it lost too many runners."""
        for run_id in self.accepted:
            oracle.demand(run_id in self.watch.ends, run_id, "was accepted and never ended")
            how = self.watch.ends[run_id]
            oracle.demand(how in ("success", "crashed"), run_id, f"was accepted and ended as {how}")
            if how == "success":
                self._did_everything(run_id)
            else:
                # Who really lost five runners may crash; where only a poisoned run does harm, no other one does.
                innocent = self.faults.losses == 0 and self.flows[run_id].poison is None
                oracle.demand(not innocent, run_id, "crashed although only its neighbour is poisoned")
        for run_id, run in self.record.rows.items():
            oracle.demand(run.ended or self._never_came(run), run_id, "is in the record and never ended")

    def _never_came(self, run: records.RunRecord) -> bool:
        """Tell whether a gateway refused what no queue has taken; it is the sweeper who closes it."""
        return not self.faults.sweeper and run.state is not None and run.state.refused and not run.state.known

    def _did_everything(self, run_id: str) -> None:
        flow = self.flows[run_id]
        oracle.demand(flow.poison is None, run_id, "ended in success although it is poisoned")
        for index, kind in enumerate(flow.steps):
            if kind == "e":
                done = any(effect.landed for effect in self.watch.effects[run_id, str(index)])
                oracle.demand(done, run_id, f"ended in success without step {index}")
