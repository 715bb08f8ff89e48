"""The supervisor of one connection: it brings about, again and again, that everything stands."""

import asyncio
import itertools
import random
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from aiormq.channel import Channel
from yarl import URL

from libs.common import errors, topology
from libs.common.bus import port
from libs.common.bus.rabbitmq import declaring, deliveries, faults, publishing, session
from libs.common.bus.rabbitmq.consuming import RabbitSubscription

log = structlog.get_logger(__name__)

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
REPAIR_PAUSE_S: Final = 0.1  # before a lost channel is opened anew
RECHECK_S: Final = 2.0  # while something is missing at the broker
LOOK_S: Final = 0.02  # how often a waiting publish makes us look whether the broker reads
QUESTION_TIMEOUT_S: Final = 2.0


class RabbitBus:
    """A supervised connection to RabbitMQ, see `port.Bus`.

    `urls` are one or several addresses, separated by commas, tried in turn. `heartbeat_s` decides how soon a hung
    broker is given up: after three of them. `name` is shown at the broker.
    """

    def __init__(
        self, urls: str, declared: topology.Topology, *, heartbeat_s: int = 10, name: str = "flowhook"
    ) -> None:
        self._urls = itertools.cycle([URL(url.strip()) for url in urls.split(",") if url.strip()])
        self._topology = declared
        self._dead = {queue.name: queue.dead for queue in declared.queues}
        self._heartbeat_s = heartbeat_s
        self._name = name
        self._publisher = publishing.Publisher()
        self._subscriptions: list[RabbitSubscription] = []
        self._session: session.Session | None = None
        self._questions: Channel | None = None
        self._asking = asyncio.Lock()
        self._attention = asyncio.Event()
        self._ready = asyncio.Event()
        self._declared = False
        self._blocked = False
        self._stopping = False
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether publishing is open."""
        return self._ready.is_set()

    async def start(self) -> None:
        """Begin to connect."""
        self._supervisor = asyncio.create_task(self._supervise(), name=f"bus {self._name}")

    async def stop(self) -> None:
        """Flush what waits to be sent, then end the connection and every lease."""
        self._stopping = True
        self._update_ready()
        await self._publisher.drain()
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            await asyncio.wait({supervisor})

    async def wait_ready(self) -> None:
        """Return as soon as `ready` holds."""
        await self._ready.wait()

    def publish(self, letter: port.Letter) -> "asyncio.Future[None]":
        """Send a letter, see `port.Bus`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_look_at)
        if letter.lease is not None and letter.lease.lost:
            future.set_exception(errors.LeaseLost("the lease is over"))
        elif len(letter.body) > port.MAX_MESSAGE_BYTES:
            future.set_exception(errors.MessageTooLarge(f"{len(letter.body)} bytes, {port.MAX_MESSAGE_BYTES} at most"))
        elif not self._takes(letter):
            future.set_exception(errors.BusUnavailable("blocked by the broker" if self._blocked else "not connected"))
        else:
            self._publisher.publish(letter, future)
        return future

    def subscribe(self, queue: str, handler: port.Handler, *, prefetch: int) -> RabbitSubscription:
        """Consume a queue, see `port.Bus`."""
        subscription = RabbitSubscription(queue, handler, prefetch, bury=self._bury, fell=self._subscription_fell)
        self._subscriptions.append(subscription)
        self._update_ready()
        self._attention.set()
        return subscription

    async def depths(self, queues: tuple[str, ...]) -> Mapping[str, int]:
        """Return how many messages wait in each queue; `BusUnavailable` if the broker or one of them is away."""
        if self._session is None or self._blocked:
            raise errors.BusUnavailable("not connected")
        async with self._asking:
            try:
                return await self._ask_depths(self._session, queues)
            except faults.TROUBLE as error:
                self._questions = None  # a question without an answer has closed it
                faults.pass_on(error)
                raise faults.of_question(error) from error

    def _takes(self, letter: port.Letter) -> bool:
        """Tell whether a letter can go out: once all stands; for a lease, whose consumer stands, earlier."""
        if letter.lease is None:
            return self.ready
        return self._publisher.is_open and not self._blocked and not self._stopping

    async def _ask_depths(self, of: session.Session, queues: tuple[str, ...]) -> Mapping[str, int]:
        async with asyncio.timeout(QUESTION_TIMEOUT_S):
            if self._questions is None or self._questions.is_closed:
                self._questions = await of.channel(confirms=False)
            answers = [await self._questions.queue_declare(queue, passive=True) for queue in queues]
        return {queue: answer.message_count or 0 for queue, answer in zip(queues, answers, strict=True)}

    # --- the supervisor ----------------------------------------------------------------------------------------------

    async def _supervise(self) -> None:
        pause_s = FIRST_PAUSE_S
        for url in self._urls:
            stood = await self._connect_once(url)
            if faults.ending():
                return
            pause_s = FIRST_PAUSE_S if stood else min(2 * pause_s, LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311

    async def _connect_once(self, url: URL) -> bool:
        """Live through one connection; tell whether everything stood at some time."""
        story = log.bind(bus=self._name, host=url.host, port=url.port)
        try:
            current = await session.connect(url, heartbeat_s=self._heartbeat_s, name=self._name)
        except (Exception, asyncio.CancelledError) as error:
            faults.pass_on(error)
            story.warning("bus_unreachable", error=str(faults.of_question(error)))
            return False
        stood = False
        try:
            stood = await self._live(current)
        except (Exception, asyncio.CancelledError) as error:
            faults.pass_on(error)
            story.warning("bus_trouble", error=str(faults.of_question(error)))
        finally:
            self._fall("the connection was lost before the confirm")
            await current.close()
        story.warning("bus_lost")
        return stood

    async def _live(self, current: session.Session) -> bool:
        """Keep everything standing until the connection is lost."""
        self._session = current
        current.when_lost(self._attention.set)
        stood = False
        watch = asyncio.create_task(self._watch_blocked(current), name=f"bus {self._name} blocked")
        try:
            while not current.lost and not faults.ending():
                self._attention.clear()
                await self._repair(current)
                if self.ready and not stood:
                    stood = True
                    log.info("bus_ready", bus=self._name)
                await self._wait_for_attention(None if self._complete else RECHECK_S)
        finally:
            watch.cancel()
        return stood

    async def _wait_for_attention(self, timeout_s: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._attention.wait()

    async def _repair(self, current: session.Session) -> None:
        """Declare what is not declared, open what is not open, let stand whoever should."""
        if not self._declared:
            self._declared = await declaring.declare(current, self._topology)
        if not self._publisher.is_open:
            channel = await current.channel(confirms=True)
            session.when_closed(channel, partial(self._publishing_fell, channel))
            self._publisher.open(channel)
        for subscription in tuple(self._subscriptions):
            try:
                await subscription.stand(current)
            except faults.TROUBLE as error:
                if faults.ours(error) or current.lost:
                    raise
                self._declared = False  # its queue may be gone
                log.warning("consumer_refused", queue=subscription.queue, error=str(faults.of_question(error)))
        self._update_ready()

    @property
    def _complete(self) -> bool:
        return (
            self._declared and self._publisher.is_open and not any(consumer.missed for consumer in self._subscriptions)
        )

    def _update_ready(self) -> None:
        if self._session is not None and self._complete and not self._blocked and not self._stopping:
            self._ready.set()
        else:
            self._ready.clear()

    async def _watch_blocked(self, current: session.Session) -> None:
        while True:
            await self._publisher.busy.wait()
            await asyncio.sleep(LOOK_S)
            if await current.is_blocked():
                self._blocked = True
                self._update_ready()
                self._publisher.give_up("blocked by the broker")
                log.warning("bus_blocked", bus=self._name)
                await current.wait_unblocked()
                self._blocked = False
                self._update_ready()
                log.info("bus_unblocked", bus=self._name)

    # --- what falls --------------------------------------------------------------------------------------------------

    def _fall(self, why: str) -> None:
        self._session = self._questions = None
        self._declared = self._blocked = False
        self._update_ready()
        self._publisher.lose(why)
        for subscription in self._subscriptions:
            subscription.fall()

    def _publishing_fell(self, channel: Channel) -> None:
        if not self._publisher.is_on(channel):
            return  # of a connection before this one
        self._publisher.lose("the channel was lost before the confirm")
        self._update_ready()
        self._repair_soon()

    def _subscription_fell(self, subscription: RabbitSubscription, queue_gone: bool) -> None:
        if queue_gone:
            self._declared = False
        self._update_ready()
        if subscription.missed:
            self._repair_soon()
        else:
            self._attention.set()

    def _repair_soon(self) -> None:
        asyncio.get_running_loop().call_later(REPAIR_PAUSE_S, self._attention.set)

    async def _bury(self, delivery: deliveries.RabbitDelivery, reason: str) -> None:
        address = self._dead.get(delivery.queue)
        if address is None:
            log.error("delivery_dropped", queue=delivery.queue, reason=reason)
            return
        exchange, key = address
        await self.publish(port.Letter(exchange, key, delivery.schema, delivery.body, alone=True, lease=delivery.lease))


def _look_at(future: "asyncio.Future[None]") -> None:
    """Let nobody be told of an outcome that nobody asked for."""
    if not future.cancelled():
        future.exception()
