"""Whole runners on the in-process bus: the clock and the `http` step are the test's, the recorder is a stand-in."""

import asyncio
from typing import Any

from libs.common import messages, topology
from libs.common.bus import port
from libs.common.bus.memory import MemoryBroker, MemoryBus
from services.runner import bootstrap, config, service
from services.runner.steps import delay, registry
from tests.unit.runner import fakes, flows

GATEWAY = "gateway-1"


class Installation:
    """A broker, a recorder that may be told what to answer, and runners."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(topology.TOPOLOGY.with_own(topology.reply_queue(GATEWAY)))
        self.recorder = fakes.Recorder(self.broker)
        self.clock = fakes.FakeClock()
        self._runners: list[OneRunner] = []

    async def start(self) -> None:
        await self.recorder.start()

    async def stop(self) -> None:
        for runner in self._runners:
            runner.bus.kill()
        await self.recorder.stop()

    async def runner(self, **settings: Any) -> "OneRunner":
        made = OneRunner(self, f"runner-{len(self._runners)}", settings)
        self._runners.append(made)
        await made.bus.start()
        await made.service.start()
        return made

    async def publish(self, request: messages.RunRequest) -> None:
        key = topology.run_key(request.mode, request.lane)
        await self.recorder.publish(port.letter(topology.RUNS, key, request, alone=True))

    async def wake(self, wake: messages.Wake, key: str = "claimed") -> None:
        await self.recorder.publish(port.letter(topology.AGAIN, key, wake, alone=True))

    async def tell(self, message: messages.Message, key: str) -> None:
        await self.recorder.publish(port.letter(topology.CONTROL, key, message))

    def waiting(self, queue: str) -> int:
        """Return how many messages nobody has in hand."""
        found = self.broker.queue(queue)
        assert found is not None
        return found.depth

    def grant(self, request: messages.RunRequest, **fields: Any) -> None:
        """Let the recorder grant every claim, with attempts that count up from 2."""

        def go(claim: messages.Claim) -> messages.Answer:
            claims = [event for event in self.recorder.events if isinstance(event, messages.Claim)]
            given: dict[str, Any] = {"attempt": 1 + len(claims), "request": request} | fields
            return messages.Answer(run_id=claim.run_id, nonce=claim.nonce, verdict="go", **given)

        self.recorder.answers = go

    async def result(self, count: int = 1) -> messages.Result:
        return (await self.recorder.wait_for(messages.Result, count))[-1]


class OneRunner:
    """One runner with a connection of its own."""

    def __init__(self, installation: Installation, runner_id: str, settings: dict[str, Any]) -> None:
        self.http = flows.FakeHttp()
        self.bus = MemoryBus(installation.broker, (topology.control_queue(runner_id),))
        kinds = registry.built_in(self.http, delay.Delay(park_after_s=5))
        known = config.RunnerSettings.load(**settings)
        self.service: service.Runner = bootstrap.assemble(known, self.bus, runner_id, kinds, installation.clock)


async def settle() -> None:
    """Let everything that needs no news run to its end."""
    for _ in range(50):
        await asyncio.sleep(0)
