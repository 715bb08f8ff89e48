"""Flows for the runner's tests, compiled as the runner compiles them, and attempts at their runs."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from libs.common import errors, messages
from libs.common.flow import document, model, program
from libs.common.flow.steps import http, webhook
from libs.common.flow.steps import registry as specs
from libs.common.flow.steps.spec import StepSpec
from services.runner import engine, outcomes
from services.runner.orders import Orders
from services.runner.steps import delay, port, registry
from tests.unit.runner import fakes, requests

WEBHOOK = "{ref: web1, type: webhook}"
CALL_A = '{ref: a, type: http, with: {url: "http://a/{{ web1.id }}"}}'
CALL_B = '{ref: b, type: http, with: {url: "http://b/{{ a.status }}"}}'
ANSWERED = """{ref: web1, type: webhook, with: {response: {status: 201, body: '{"got": {{ sum.value }}}'}}}"""
SUM = '{ref: sum, type: dict, with: {value: "{{ web1.id + 1 }}"}}'


def source(*steps: str, **head: Any) -> bytes:
    """Return a flow's document as it travels; each step is a line of YAML."""
    settings = msgspec.json.encode({"name": "Test", "status": "active"} | head).decode()
    text = settings[:-1] + ', "steps": [\n' + ",\n".join(steps) + "\n]}"
    return document.load(text, media="yaml").to_json()


def compiled(*steps: str, **head: Any) -> program.Program:
    request = requests.request()
    loaded = document.load(source(*steps, **head), media="json")
    return program.compile_flow(loaded, flow_id=request.flow_id, version=1)


class FakeHttp:
    """Answers calls as a test says, and remembers them; its own kind of `http` step."""

    spec = http.SPEC

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.answers: Callable[[str], Any] = lambda url: {"status": 200, "body": url}
        self.hanging = asyncio.Event()
        self.hangs = False
        self.gate = asyncio.Event()

    async def run(self, call: port.Call) -> port.Verdict:
        self.calls.append(call.inputs["url"])
        if self.hangs:
            self.hanging.set()
            await self.gate.wait()
        answer = self.answers(call.inputs["url"])
        if isinstance(answer, Exception):
            raise answer
        return port.Output(answer)

    def branch(self, output: Any) -> str | None:
        return None


def after(action: Callable[[], None]) -> Callable[[str], Any]:
    """Return answers before each of which something happens."""

    def answer(_: str) -> Any:
        action()
        return {"status": 200}

    return answer


def failing(code: str = "http_status", **output: Any) -> errors.StepError:
    return errors.StepError(code, "it failed", output=output or None)


@dataclass
class Sent:
    """An event on its way, confirmed as soon as a test lets it be."""

    gate: asyncio.Event
    error: Exception | None = None

    @property
    def is_confirmed(self) -> bool:
        return self.gate.is_set() and self.error is None

    async def confirmed(self) -> None:
        await self.gate.wait()
        if self.error is not None:
            raise self.error


@dataclass
class Bench:
    """An engine with everything about it in a test's hands."""

    clock: fakes.FakeClock = field(default_factory=fakes.FakeClock)
    http: FakeHttp = field(default_factory=FakeHttp)
    orders: Orders = field(default_factory=Orders)
    published: list[tuple[messages.Step, ...]] = field(default_factory=list)
    confirming: asyncio.Event = field(default_factory=asyncio.Event)
    unsendable: Exception | None = None
    rules: engine.Rules = field(default_factory=engine.Rules)
    more: tuple[port.Kind, ...] = ()

    def __post_init__(self) -> None:
        self.confirming.set()

    def kinds(self) -> Mapping[str, port.Kind]:
        known = registry.built_in(self.http, delay.Delay(park_after_s=5))
        return registry.by_type(*known.values(), *self.more)

    async def run(
        self, flow: program.Program, request: messages.RunRequest | None = None, **fields: Any
    ) -> outcomes.Executed:
        core = engine.Engine(self.kinds(), self.clock, self.rules)
        request = request or requests.request(input={"id": 7})
        given = {"number": 1, "now_ms": fakes.NOW_MS, "arrived": self.clock.monotonic()} | fields
        return await core.execute(engine.Attempt(request, flow, **given), self.orders, self.announce)

    def announce(self, steps: tuple[messages.Step, ...]) -> Sent:
        self.published.append(steps)
        return Sent(self.confirming, self.unsendable)


def outputs(*batches: tuple[messages.Step, ...]) -> dict[str, Any]:
    """Return what steps put out, by ref."""
    return {step.ref: msgspec.json.decode(step.output) for steps in batches for step in steps}


def shout_spec() -> StepSpec:
    """Return the spec of a kind of step that Flowhook does not have."""

    class ShoutWith(model.Strict):
        text: str

    return StepSpec("shout", ShoutWith)


def compiled_with(spec: StepSpec, *steps: str) -> program.Program:
    """Return a flow that uses one more kind of step."""
    known = specs.Registry(webhook.SPEC, spec)
    text = '{"name": "Test", "status": "active", "steps": [' + ",".join(steps) + "]}"
    loaded = document.load(text, media="yaml", steps=known)
    return program.compile_flow(loaded, flow_id=requests.request().flow_id, version=1, steps=known)
