"""Answers runners that ask for a flow version's document; any debugger does, whichever is asked first.

A version never changes, so a repeated question has the same answer. While PostgreSQL is away the question waits here.
"""

import asyncio
from typing import Final
from uuid import UUID

import msgspec
import structlog

from libs.common import errors, messages, topology
from libs.common.bus import port
from libs.common.flow import webhook_secrets
from services.debugger import database, publishing
from services.debugger.flow_store import FlowStore, Version

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
            query = _read(delivery)
            found = await self._find_surely(query)
        except Exception as error:  # it would fail again, wherever it went
            log.error("flow_query_refused", why=f"{type(error).__name__}: {error}"[:500])
            await delivery.reject(type(error).__name__)
            return
        letter = port.letter(topology.CONTROL, topology.answer_key(query.runner_id), found)
        if not await publishing.publish_surely(self._bus, letter):
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


def _read(delivery: port.Delivery) -> messages.FlowQuery:
    query = messages.decode(delivery.schema, delivery.body)
    if not isinstance(query, messages.FlowQuery):
        raise errors.UnreadableMessage(f"{delivery.schema} is no question for a flow", delivery.body)
    return query


async def answer(flows: FlowStore, query: messages.FlowQuery) -> messages.FlowFound:
    """Return the document that is asked for: the current one of a flow that lives, or any version that ever was."""
    found = await _find(flows, query) if _is_uuid(query.flow_id) else None
    if found is None:
        return messages.FlowFound(query_id=query.query_id, flow_id=query.flow_id)
    return messages.FlowFound(
        query_id=query.query_id,
        flow_id=query.flow_id,
        flow_name=found.flow_name,
        version=found.version,
        document=msgspec.Raw(webhook_secrets.masked(found.document.encode())),
    )


async def _find(flows: FlowStore, query: messages.FlowQuery) -> Version | None:
    if query.version is not None:
        return await flows.version(query.flow_id, query.version)
    flow = await flows.find(query.flow_id)
    return None if flow is None else await flows.version(query.flow_id, flow.version)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
