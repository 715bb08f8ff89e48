"""The recorder: from the stream of requests and events to PostgreSQL, a batch a transaction, in order.

One recorder consumes at a time (a single active consumer), so the order of the queue is the order of the record: a
claim is judged behind all that the lost runner managed to publish. In this order: commit, tell others (answers to
claims, ends of runs that were given up), acknowledge. Whatever breaks in between, the batch comes again and changes
nothing more; what was told is told again.

It never gives back one delivery, since that would come again behind later ones. While PostgreSQL is away it keeps the
batch and tries again; to stop, it closes the channel. A batch that PostgreSQL refuses for its values is halved until
the one event that spoils it is found, which is put aside into `dead.events`.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog

from libs.common import errors, messages, topology
from libs.common.bus import port
from libs.common.lifecycle import Duty
from services.debugger import batches, database, folding, publishing, recorder_metrics

log = structlog.get_logger(__name__)

# Messages of up to 32 events. A request of 1 MiB is two in its message, as text and as input, and all that are in hand
# are held while PostgreSQL is away: they must fit into the memory of a small container.
PREFETCH: Final = 100


class Store(Protocol):
    """Where it is recorded, see `record_store`."""

    async def write(self, items: Sequence[folding.Item]) -> folding.Consequences:
        """Record the items, all or none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A delivery and what it says."""

    delivery: port.Delivery
    item: folding.Item


class Recorder:
    """Consumes `debugger.events` for as long as it stands."""

    def __init__(self, bus: port.Bus, store: Store, *, batch_ms: int, batch_max: int) -> None:
        self._bus = bus
        self._store = store
        self._inbox = batches.Inbox(window_ms=batch_ms, limit=batch_max)
        self._duty = Duty("recorder", self._work)
        self._subscription: port.Subscription | None = None
        self.failing = asyncio.Event()  # set from an attempt to write that failed until one that did not
        self._telling: set[asyncio.Task[bool]] = set()

    @property
    def ready(self) -> bool:
        """Whether it records, or would: it stands, and its last attempt to write did not fail."""
        return self._duty.alive and not self.failing.is_set()

    async def start(self) -> None:
        """Begin to consume and to record."""
        await self._duty.start()
        self._subscription = self._bus.subscribe(topology.RECORD, self._receive, prefetch=PREFETCH)

    async def stop(self) -> None:
        """Stop and end the channel: what is not acknowledged comes again, in order, to the next recorder."""
        await self._duty.stop()
        for task in self._telling:
            task.cancel()
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()

    async def _receive(self, delivery: port.Delivery) -> None:
        self._inbox.put(delivery)

    async def _work(self) -> None:
        while True:
            batch = await self._inbox.next_batch()
            try:
                await self._record(batch)
            except errors.LeaseLost:
                log.info("batch_dropped", size=len(batch))  # it comes again, to whoever records now
            except Exception:
                log.exception("batch_failed", size=len(batch))
                await self._take_up_again()

    async def _take_up_again(self) -> None:
        if self._subscription is not None:
            await self._subscription.restart()
        await asyncio.sleep(publishing.LONGEST_PAUSE_S)

    async def _record(self, batch: list[port.Delivery]) -> None:
        await self._write([entry for delivery in batch if (entry := await self._read(delivery)) is not None])
        for delivery in batch:
            await delivery.ack()

    async def _read(self, delivery: port.Delivery) -> Entry | None:
        try:
            return Entry(delivery, _item_of(delivery))
        except errors.UnreadableMessage as error:
            await self._set_aside(delivery, error)
            return None

    async def _write(self, entries: list[Entry]) -> None:
        if not entries:
            return
        try:
            told = await self._commit(entries)
        except errors.LeaseLost:
            raise
        except Exception as error:
            if len(entries) == 1:
                await self._set_aside(entries[0].delivery, error)
                return
            middle = len(entries) // 2
            await self._write(entries[:middle])
            await self._write(entries[middle:])
            return
        await self._tell(told, entries[0].delivery.lease)

    async def _commit(self, entries: list[Entry]) -> folding.Consequences:
        """Write until PostgreSQL takes it; raises what it says against the values, and `LeaseLost`."""
        for pause_s in publishing.pauses():
            if any(entry.delivery.lease.lost for entry in entries):
                raise errors.LeaseLost("lost before it was recorded")
            began = time.monotonic()
            try:
                told = await self._store.write([entry.item for entry in entries])
            except Exception as error:
                if not database.is_away(error):
                    raise
                self.failing.set()
                recorder_metrics.FAILURES.inc()
                log.warning("record_later", size=len(entries), why=str(error) or type(error).__name__)
                await asyncio.sleep(pause_s)
            else:
                self.failing.clear()
                _count(entries, time.monotonic() - began)
                return told
        raise AssertionError("pauses never end")

    async def _tell(self, told: folding.Consequences, lease: port.Lease) -> None:
        for gateway_id, result in told.ends:
            if gateway_id is not None:
                self._tell_end(port.letter(topology.EVENTS, topology.result_key(gateway_id), result))
        letters = []
        for runner_id, answer in told.answers:
            recorder_metrics.CLAIMS.labels(answer.verdict).inc()
            letters.append(port.letter(topology.CONTROL, topology.answer_key(runner_id), answer, lease=lease))
        await asyncio.gather(*(publishing.publish_surely(self._bus, letter) for letter in letters))

    def _tell_end(self, letter: port.Letter) -> None:
        """Publish beside the batches: the letter comes to this recorder too, and its confirm may wait for that."""
        task = asyncio.create_task(publishing.publish_surely(self._bus, letter), name="recorder-end")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _set_aside(self, delivery: port.Delivery, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"[:500]
        log.error("event_set_aside", schema=delivery.schema, key=delivery.key, why=why)
        recorder_metrics.SET_ASIDE.inc()
        letter = port.Letter(topology.DEAD, "events", delivery.schema, delivery.body, alone=True, lease=delivery.lease)
        await publishing.publish_surely(self._bus, letter)


def _item_of(delivery: port.Delivery) -> folding.Item:
    item: Any = messages.decode(delivery.schema, delivery.body)
    if not isinstance(item, messages.RunRequest | messages.Event):
        raise errors.UnreadableMessage(f"{delivery.schema} is nothing to record", delivery.body)
    return item  # type: ignore[return-value]  # AnyEvent is the union of all that derive from Event


def _count(entries: list[Entry], seconds: float) -> None:
    recorder_metrics.EVENTS.inc(len(entries))
    recorder_metrics.BATCHES.inc()
    recorder_metrics.BATCH_SIZE.observe(len(entries))
    recorder_metrics.WRITE_S.observe(seconds)
    accepted = (entry.item.received_at_ms for entry in entries if isinstance(entry.item, messages.RunRequest))
    oldest_ms = min(accepted, default=None)
    if oldest_ms is not None:
        recorder_metrics.LAG_S.set(max(0.0, time.time() - oldest_ms / 1000))
