"""What the recorder is told beside the runs themselves: how a sender was answered, and what nobody knows the fate of.

`Replied` is collected for a moment and sent once; a lost one costs the record a duration. `Refused` tells that a sender
got a 503 for a run that may have been taken, so it is kept, at most `MAX_REFUSED` of them, until the broker has it.
"""

import asyncio
from collections import deque
from typing import Final

import structlog

from libs.common import lifecycle, messages, topology
from libs.common.bus import port
from libs.common.times import now_ms

log = structlog.get_logger(__name__)

COLLECT_S: Final = 0.1
MAX_REFUSED: Final = 10_000
RETRY_S: Final = 0.5


class Notices:
    """The events that a gateway publishes of its own accord."""

    def __init__(self, bus: port.Bus) -> None:
        self._bus = bus
        self._replied: list[port.Letter] = []
        self._refused: deque[port.Letter] = deque(maxlen=MAX_REFUSED)
        self._some_refused = asyncio.Event()
        self._duty = lifecycle.Duty("refusals", self._send_refused)

    async def start(self) -> None:
        """Begin to send."""
        await self._duty.start()

    async def stop(self) -> None:
        """Send what is left if the broker is there."""
        self._send_replied()
        await self._duty.stop()
        if self._refused and self._bus.ready:
            await self._publish_refused()

    def replied(self, run_id: str, *, status: int, reply_ms: int) -> None:
        """Tell that a sender has its answer."""
        if not self._replied:
            asyncio.get_running_loop().call_later(COLLECT_S, self._send_replied)
        event = messages.Replied(run_id=run_id, status=status, reply_ms=reply_ms)
        self._replied.append(port.letter(topology.EVENTS, "replied", event))

    def refused(self, run_id: str) -> None:
        """Tell that a sender got a 503 for a run that may have been taken."""
        event = messages.Refused(run_id=run_id, at_ms=now_ms())
        self._refused.append(port.letter(topology.EVENTS, "refused", event))
        self._some_refused.set()

    def _send_replied(self) -> None:
        letters, self._replied = self._replied, []
        if self._bus.ready:
            for letter in letters:
                self._bus.publish(letter)

    async def _send_refused(self) -> None:
        while True:
            await self._some_refused.wait()
            await self._bus.wait_ready()
            if not await self._publish_refused():
                await asyncio.sleep(RETRY_S)

    async def _publish_refused(self) -> bool:
        """Publish a pack of them and drop those that the broker has; tell whether it took them all."""
        letters = list(self._refused)[: port.MAX_PACK]
        outcomes = await asyncio.gather(*map(self._bus.publish, letters), return_exceptions=True)
        kept = [letter for letter, outcome in zip(letters, outcomes, strict=True) if outcome is not None]
        for letter, outcome in zip(letters, outcomes, strict=True):
            if outcome is None and letter in self._refused:
                self._refused.remove(letter)
        if not self._refused:
            self._some_refused.clear()
        if kept:
            log.warning("refusals_kept", count=len(self._refused))
        return not kept
