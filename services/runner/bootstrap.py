"""The runner's composition root: everything is put together here, and nowhere else."""

from collections.abc import Callable, Mapping

from libs.common import clock, lifecycle, networks, topology
from libs.common.bus import port
from services.runner import (
    claims,
    consumer,
    control,
    engine,
    executor,
    in_hand,
    lanes,
    publishing,
    reports,
    service,
    slots,
)
from services.runner.config import MOST_HELD_S, RunnerSettings
from services.runner.steps import delay, http, http_client, registry


class Service:
    """The runner with all that it needs but its bus, which its process starts before it and stops after it.

    `checks` say by name what it needs to be ready.
    """

    def __init__(self, client: http_client.HttpClient, runner: service.Runner, bus: port.Bus) -> None:
        self._runner = runner
        self.checks: Mapping[str, Callable[[], bool]] = {"bus": lambda: bus.ready, "consumers": lambda: runner.ready}
        self._parts = lifecycle.Lifecycle(client, runner)

    @property
    def ready(self) -> bool:
        """Whether it takes work now."""
        return self._runner.ready

    async def start(self) -> None:
        """Begin to take work."""
        await self._parts.start()

    async def stop(self) -> None:
        """Finish or hand back what runs, within the grace."""
        await self._parts.stop()


def build(settings: RunnerSettings, bus: port.Bus, runner_id: str) -> Service:
    """Put a runner together. The bus declares `topology.control_queue(runner_id)` as its own."""
    client = http_client.HttpClient(_http_rules(settings))
    kinds = registry.built_in(http.Http(client, settings.http_max_timeout_s), delay.Delay(settings.park_after_s))
    return Service(client, assemble(settings, bus, runner_id, kinds, clock.SystemClock()), bus)


def assemble(
    settings: RunnerSettings, bus: port.Bus, runner_id: str, kinds: registry.Kinds, time: clock.Clock
) -> service.Runner:
    """Put everything together around a bus, the kinds of steps and a clock."""
    post = publishing.Post(bus, time)
    told = reports.Reports(post, runner_id)
    held = in_hand.InHand()
    asked = claims.Claims(post, runner_id, claims.Rules(settings.claims_in_flight, settings.later_after_s))
    core = engine.Engine(kinds, time, engine.Rules(settings.hold_s, MOST_HELD_S - settings.http_max_timeout_s))
    work = consumer.Consumer(
        held,
        slots.Slots(settings.runner_concurrency),
        asked,
        executor.Executor(core, told),
        time,
        consumer.Rules(settings.claim_age_s, settings.claim_hold_s),
    )
    rules = service.Rules(
        topology.control_queue(runner_id).name,
        lanes.queues_of(settings.runner_lanes),
        settings.lane_prefetch,
        settings.grace_s,
    )
    return service.Runner(bus, work, control.Control(asked, held, told), held, time, rules)


def _http_rules(settings: RunnerSettings) -> http_client.Rules:
    allowed = networks.networks_of(settings.http_allow)
    return http_client.Rules(allowed, settings.http_max_bytes, settings.http_max_redirects)
