"""The way out: letters become packs, packs are published, each letter's future has its outcome once."""

import asyncio
from dataclasses import dataclass
from typing import Final

from aiormq.channel import Channel
from pamqp.commands import Basic

from libs.common import errors, ids
from libs.common.bus import port
from libs.common.bus.rabbitmq import faults, packing

ID_HEADER: Final = "flowhook-id"
_PERSISTENT: Final = 2
_LONG: Final = 64 * 1024  # bodies above are written one after the other, so that they do not pile up before the socket


@dataclass(slots=True, eq=False)
class Outgoing:
    """A letter and whoever waits for it."""

    letter: port.Letter
    future: asyncio.Future[None]

    def succeed(self) -> None:
        """Tell that it is confirmed, unless its future has an outcome already or was cancelled."""
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, error: errors.BusError) -> None:
        """Tell that it is not, or not known to be."""
        if not self.future.done():
            self.future.set_exception(error)


class Publisher:
    """Publishes on one channel at a time, which its bus opens and gives up."""

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._outbox: list[Outgoing] = []
        self._sent: dict[asyncio.Task[None], list[Outgoing]] = {}
        self.busy = asyncio.Event()  # something has been sent and is not confirmed

    @property
    def is_open(self) -> bool:
        """Whether there is a channel."""
        return self._channel is not None

    def is_on(self, channel: Channel) -> bool:
        """Tell whether this is the channel."""
        return self._channel is channel

    def open(self, channel: Channel) -> None:
        """Publish on this channel from now on."""
        self._channel = channel

    def lose(self, why: str) -> None:
        """Have no channel any more: what was sent is unknown now, what was not has not been."""
        self._channel = None
        self.give_up(why)

    def give_up(self, why: str) -> None:
        """Tell all that wait, although the channel stays: the broker does not read."""
        for pack in self._sent.values():
            _fail(pack, errors.OutcomeUnknown(why))
        outbox, self._outbox = self._outbox, []
        _fail(outbox, errors.BusUnavailable(why))

    def publish(self, letter: port.Letter, future: "asyncio.Future[None]") -> None:
        """Send this letter at the end of this turn of the event loop."""
        self._outbox.append(Outgoing(letter, future))
        if len(self._outbox) == 1:
            asyncio.get_running_loop().call_soon(self._flush)

    async def drain(self) -> None:
        """Send what waits, and wait until all has its outcome, for `PUBLISH_TIMEOUT_S` at most."""
        self._flush()
        if self._sent:
            await asyncio.wait(self._sent, timeout=port.PUBLISH_TIMEOUT_S)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, []
        if self._channel is None:
            _fail(outbox, errors.BusUnavailable("not connected"))
            return
        for pack in packing.packs(_without_lost_leases(outbox)):
            # Tasks begin in the order of their making, and the client's lock is fair: order is kept.
            task = asyncio.create_task(self._send(self._channel, pack))
            self._sent[task] = pack
            task.add_done_callback(self._forget)
            self.busy.set()

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._sent[task]
        if not self._sent:
            self.busy.clear()

    async def _send(self, channel: Channel, pack: list[Outgoing]) -> None:
        letter = pack[0].letter
        body = packing.join([outgoing.letter.body for outgoing in pack])
        try:
            await channel.basic_publish(
                body,
                exchange=letter.exchange,
                routing_key=letter.key,
                properties=_properties(letter),
                mandatory=True,
                timeout=port.PUBLISH_TIMEOUT_S,
                wait=len(body) > _LONG,
            )
        except BaseException as error:
            _fail(pack, faults.of_publish(error))
            if faults.ours(error) or not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
        else:
            for outgoing in pack:
                outgoing.succeed()


def _properties(letter: port.Letter) -> Basic.Properties:
    return Basic.Properties(
        content_type="application/json",
        message_type=letter.schema,
        delivery_mode=_PERSISTENT,
        headers={**letter.headers, ID_HEADER: ids.new_id()},
    )


def _without_lost_leases(outbox: list[Outgoing]) -> list[Outgoing]:
    held = []
    for outgoing in outbox:
        lease = outgoing.letter.lease
        if lease is not None and lease.lost:
            outgoing.fail(errors.LeaseLost("the lease is over"))
        else:
            held.append(outgoing)
    return held


def _fail(pack: list[Outgoing], error: errors.BusError) -> None:
    for outgoing in pack:
        outgoing.fail(error)
