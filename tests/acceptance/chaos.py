"""A campaign of faults against a whole installation: what happens when is drawn from one number.

Each process sits in a seat of its own, behind a wire of its own to the broker. The first of each service is never
killed, only cut off and frozen, so that what a process gathers in its memory over the campaign can be seen.
"""

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from yarl import URL

from tests.acceptance.chaos_senders import now_ms
from tests.acceptance.installation import Installation
from tests.acceptance.processes import ServiceProcess
from tests.servers.ports import free_port
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import RabbitServer

SEATS: Final = {"debugger": 2, "gateway": 2, "runner": 3}
AFTER_MS: Final = 4000  # a fault is noticed, and what it touched goes on, for so long after it is over
WEIGHTS: Final = {
    ("kill", "runner"): 6,
    ("terminate", "runner"): 3,
    ("freeze", "runner"): 4,
    ("cut", "runner"): 5,
    ("hang", "runner"): 2,
    ("kill", "debugger"): 3,
    ("terminate", "debugger"): 1,
    ("freeze", "debugger"): 2,
    ("cut", "debugger"): 3,
    ("kill", "gateway"): 1,
    ("terminate", "gateway"): 1,
    ("freeze", "gateway"): 1,
    ("cut", "gateway"): 3,
    ("hang", "gateway"): 1,
}
FATAL: Final = ("kill", "terminate")


@dataclass(frozen=True)
class Fault:
    """What was done to whom, and from when to when it may have had an effect."""

    kind: str
    service: str
    began_ms: int
    ended_ms: int

    def touches(self, service: str, began_ms: int, ended_ms: int) -> bool:
        """Tell whether it may have touched what this service did in this time."""
        return self.service in (service, "broker") and self.began_ms <= ended_ms and began_ms <= self.ended_ms


class Seat:
    """A place for one process at a time."""

    def __init__(self, installation: Installation, service: str, number: int, broker: URL) -> None:
        self.service = service
        self.veteran = number == 0
        self.port = free_port()
        self._installation = installation
        self._broker = broker
        self._first = self.veteran and service == "debugger"
        self.wire = Proxy(broker.port or 5672)
        self.process: ServiceProcess | None = None
        self.busy = asyncio.Lock()
        self.grown_from_kib = 0

    async def open(self) -> None:
        """Lay the wire."""
        await self.wire.start()

    def fill(self) -> ServiceProcess:
        """Start a process here."""
        env = {"FLOWHOOK_AMQP_URL": str(self._broker.with_port(self.wire.port))}
        if self.service == "gateway":
            env["FLOWHOOK_GATEWAY_PORT"] = str(self.port)
        elif self.service == "debugger" and not self._first:  # the first one's API is asked
            env["FLOWHOOK_CONSOLE_PORT"] = str(self.port)
        self.process = self._installation.launch(self.service, **env)
        return self.process

    def rss_kib(self) -> int:
        """Return how much memory its process holds."""
        assert self.process is not None
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


class Campaign:
    """Faults, one after the other and several at a time, until it is calm again."""

    def __init__(self, installation: Installation, broker: RabbitServer, seed: int) -> None:
        url = URL(installation.env["FLOWHOOK_AMQP_URL"])
        self.seats = [
            Seat(installation, service, number, url) for service, count in SEATS.items() for number in range(count)
        ]
        self.faults: list[Fault] = []
        self._broker = broker
        self._rng = random.Random(seed)
        self._doing: set[asyncio.Task[None]] = set()

    @property
    def gateways(self) -> list[int]:
        """The ports of the gateways."""
        return [seat.port for seat in self.seats if seat.service == "gateway"]

    async def start(self) -> None:
        """Fill every seat, the first debugger's before the others."""
        for seat in self.seats:
            await seat.open()
        await self.seats[0].fill().wait_ready()
        others = [seat.fill() for seat in self.seats[1:]]
        await asyncio.gather(*(process.wait_ready() for process in others))

    async def rage(self, seconds: float, *, broker_every_s: float | None = None) -> None:
        """Do harm for so long; kill the broker now and then."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        broker_at = loop.time() + broker_every_s * self._rng.uniform(0.5, 1) if broker_every_s else until
        while loop.time() < until:
            if broker_every_s and loop.time() >= broker_at:
                await self._noted("kill", "broker", self._kill_broker())
                broker_at = loop.time() + broker_every_s
            else:
                self._begin(*self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])
            await asyncio.sleep(self._rng.uniform(0.1, 1.2))

    async def calm(self) -> None:
        """Let all faults come to their end, and wait until every process is ready."""
        await asyncio.gather(*self._doing)
        await asyncio.gather(*(seat.process.wait_ready() for seat in self.seats if seat.process))

    async def close(self) -> None:
        """Take away the wires."""
        for seat in self.seats:
            await seat.wire.stop()

    def weigh(self) -> None:
        """Remember how much memory the veterans hold now."""
        for seat in self.seats:
            seat.grown_from_kib = seat.rss_kib()

    def growth_kib(self) -> dict[str, tuple[int, int]]:
        """Return how much memory the veterans held at the beginning and hold now."""
        return {seat.service: (seat.grown_from_kib, seat.rss_kib()) for seat in self.seats if seat.veteran}

    # --- faults

    def _begin(self, kind: str, service: str) -> None:
        seats = [
            seat
            for seat in self.seats
            if seat.service == service and not seat.busy.locked() and not (seat.veteran and kind in FATAL)
        ]
        if not seats:
            return
        verbs: dict[str, Callable[[Seat, float], Awaitable[None]]] = {
            "kill": self._kill,
            "terminate": self._terminate,
            "freeze": self._freeze,
            "cut": self._cut,
            "hang": self._hang,
        }
        seat, seconds = self._rng.choice(seats), self._rng.uniform(0.2, 5.0)
        work = self._noted(kind, service, self._in_turn(seat, verbs[kind], seconds))
        task = asyncio.create_task(work)
        self._doing.add(task)

    async def _noted(self, kind: str, service: str, work: Awaitable[None]) -> None:
        began_ms = now_ms()
        await work
        self.faults.append(Fault(kind, service, began_ms, now_ms() + AFTER_MS))

    async def _in_turn(self, seat: Seat, verb: Callable[[Seat, float], Awaitable[None]], seconds: float) -> None:
        async with seat.busy:
            sys.stdout.write(f"{now_ms()} {verb.__name__} {seat.service} {seat.process and seat.process.pid}\n")
            await verb(seat, seconds)

    async def _kill(self, seat: Seat, seconds: float) -> None:
        assert seat.process is not None
        await asyncio.to_thread(seat.process.kill)
        await asyncio.sleep(seconds / 4)
        seat.fill()

    async def _terminate(self, seat: Seat, _seconds: float) -> None:
        assert seat.process is not None
        code = await seat.process.terminate()
        unborn = code == -signal.SIGTERM and not seat.process.text()  # Python itself was still starting
        assert code == 0 or unborn, f"{seat.service} ended with {code}:\n{seat.process.text()[-3000:]}"
        seat.fill()

    async def _freeze(self, seat: Seat, seconds: float) -> None:
        assert seat.process is not None
        seat.process.freeze()
        await asyncio.sleep(seconds)
        seat.process.wake()

    async def _cut(self, seat: Seat, seconds: float) -> None:
        seat.wire.cut(admit=seconds > 2)
        await asyncio.sleep(seconds / 4)
        seat.wire.admit()

    async def _hang(self, seat: Seat, seconds: float) -> None:
        seat.wire.freeze()
        await asyncio.sleep(seconds)
        seat.wire.thaw()

    async def _kill_broker(self) -> None:
        sys.stdout.write(f"{now_ms()} kill broker\n")
        await asyncio.to_thread(self._broker.kill)
        await asyncio.to_thread(self._broker.restart)
