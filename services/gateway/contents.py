"""From the bytes that arrived to the content of a request, without holding up other requests."""

import asyncio
from typing import Final

from aiohttp import web

from services.gateway import codings, payload

LARGE: Final = 64 * 1024  # from here on, in bytes, parsing would keep the event loop busy for longer than is fair


async def read(request: web.BaseRequest, query: str, received: bytes, *, limit: int) -> payload.Content:
    """Return the content.

    `UnsupportedMediaType` for an unknown encoding, `PayloadTooLarge` for more than `limit` bytes once it is undone,
    `InvalidPayload` for what is not what it says it is.
    """
    applied = codings.named(request.headers.getall("Content-Encoding", ())) if received else ()
    plain = codings.undo(received, applied, limit=limit)
    content_type = request.headers.get("Content-Type", "")
    if len(plain) < LARGE:
        return payload.parse(query, content_type, plain)
    return await asyncio.to_thread(payload.parse, query, content_type, plain)
