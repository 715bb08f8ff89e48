"""Answers runners that ask for a flow version's document; any debugger does, whichever is asked first.

A version never changes, so a repeated question has the same answer. While PostgreSQL is away the question waits here.
"""

import asyncio
from typing import Final

import msgspec
import structlog

from libs.common import errors, messages, topology
from libs.common.bus import port
from services.debugger import database, publishing
from services.debugger.flow_store import FlowStore

log = structlog.get_logger(__name__)

PREFETCH: Final = 20


class FlowQueries:
    """Serves `flows.get` for as long as it stands."""

    def __init__(self, bus: port.Bus, flows: FlowStore) -> None:
        self._bus = bus
        self._flows = flows
        self._subscription: port.Subscription | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._subscription = self._bus.subscribe(topology.FLOW_QUERIES, self._handle, prefetch=PREFETCH)

    async def stop(self) -> None:
        """Stop; what is in hand goes to another debugger."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.close()

    async def _handle(self, delivery: port.Delivery) -> None:
        try:
            query = messages.decode(delivery.schema, delivery.body)
        except errors.UnreadableMessage as error:
            await delivery.reject(str(error))
            return
        if not isinstance(query, messages.FlowQuery):
            await delivery.reject(f"{delivery.schema} is no question for a flow")
            return
        found = await self._find_surely(query)
        key = topology.answer_key(query.runner_id)
        if not await publishing.publish_surely(self._bus, port.letter(topology.CONTROL, key, found)):
            log.info("runner_gone", runner_id=query.runner_id)  # nobody waits for this answer any more
        await delivery.ack()

    async def _find_surely(self, query: messages.FlowQuery) -> messages.FlowFound:
        for pause_s in publishing.pauses():
            try:
                return await answer(self._flows, query)
            except Exception as error:
                if not database.is_away(error):
                    raise
                log.warning("flow_query_later", why=str(error) or type(error).__name__)
                await asyncio.sleep(pause_s)
        raise AssertionError("pauses never end")


async def answer(flows: FlowStore, query: messages.FlowQuery) -> messages.FlowFound:
    """Return the document that is asked for: the current one of a flow that lives, or any version that ever was."""
    version = query.version
    if version is None:
        flow = await flows.find(query.flow_id)
        version = None if flow is None else flow.version
    found = None if version is None else await flows.version(query.flow_id, version)
    if found is None:
        return messages.FlowFound(query_id=query.query_id, flow_id=query.flow_id)
    return messages.FlowFound(
        query_id=query.query_id,
        flow_id=query.flow_id,
        flow_name=found.flow_name,
        version=found.version,
        document=msgspec.Raw(found.document.encode()),
    )
