"""Reading a body as it comes over the wire: within a limit of size, whatever the sender announced, and of time.

What is read here is what signatures are over; `codings` and `payload` make something of it afterwards.
"""

import asyncio
from typing import Final

from aiohttp import StreamReader, web

from libs.common import errors
from services.gateway import codings

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


async def read(request: web.BaseRequest, *, limit: int, timeout_s: float) -> bytes:
    """Return the bytes of the body as they arrived.

    They are at most `limit`, or a little more where a `Content-Encoding` has to be undone.
    `PayloadTooLarge` as soon as there are more; `Timeout` where they do not all come in time; `InvalidPayload` for a
    broken transfer encoding.
    """
    if not request.can_read_body:
        return b""
    most = codings.encoded_limit(request.headers.getall("Content-Encoding", ()), limit)
    if (request.content_length or 0) > most:
        raise codings.too_large(limit)
    content = request.content
    if content.is_eof():  # it came with the headers, as nearly all do
        whole = content.read_nowait()
    else:
        whole = await _receive(request, most, timeout_s)
    if len(whole) > most:
        raise codings.too_large(limit)
    return whole


async def _receive(request: web.BaseRequest, limit: int, timeout_s: float) -> bytes:
    """Return the body as it comes, or what there is of it once that is more than `limit`."""
    await _continue(request)
    try:
        async with asyncio.timeout(timeout_s):
            return await _gather(request.content, limit)
    except TimeoutError as error:
        raise errors.Timeout(f"The body did not arrive within {timeout_s:g} seconds.") from error
    except web.RequestPayloadError as error:
        raise errors.InvalidPayload("The body does not keep to its Transfer-Encoding or Content-Length.") from error


async def _gather(content: StreamReader, limit: int) -> bytes:
    parts = bytearray()
    while len(parts) <= limit and (part := await content.readany()):
        parts += part
    return bytes(parts)


async def _continue(request: web.BaseRequest) -> None:
    """Ask for the body where the sender waits to be asked."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0  # nothing of the answer has been sent
