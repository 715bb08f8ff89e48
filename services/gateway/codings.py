"""`Content-Encoding` undone, never further than the limit: a bomb costs what an honest body of that size costs."""

import zlib
from collections.abc import Callable, Iterable
from typing import Final

from libs.common import errors

MAX_CODINGS: Final = 2  # one on top of the other
MAX_MEMBERS: Final = 256  # of a gzip file; each costs a copy of what follows it

_OVERHEAD: Final = 1024
_TAKEN: Final = {"Accept-Encoding": "gzip, deflate"}
_GZIP: Final = 16 + zlib.MAX_WBITS


class _Excess(Exception):
    """A stream goes on beyond the limit."""


_Decoder = Callable[[bytes, int], bytes]


def named(headers: Iterable[str]) -> tuple[str, ...]:
    """Return the codings in the order in which they were applied; `UnsupportedMediaType` for one that is not known."""
    codings = _names(headers)
    if not _are_known(codings):
        raise errors.UnsupportedMediaType(
            f"This Content-Encoding is not read here. Send gzip, deflate or none, at most {MAX_CODINGS} together.",
            headers=_TAKEN,
        )
    return codings


def encoded_limit(headers: Iterable[str], limit: int) -> int:
    """Return how long a body may be on the wire for `limit` bytes: what does not compress grows by compressing."""
    codings = _names(headers)
    return limit + limit // 100 + _OVERHEAD if codings and _are_known(codings) else limit


def undo(body: bytes, codings: tuple[str, ...], *, limit: int) -> bytes:
    """Return the body before it was encoded.

    `PayloadTooLarge` once there are more than `limit` bytes, `InvalidPayload` for what is not encoded so.
    """
    for coding in reversed(codings):
        try:
            body = _DECODERS[coding](body, limit) if body else body
        except _Excess as error:
            raise too_large(limit) from error
        except zlib.error as error:
            raise errors.InvalidPayload(f"The body is not valid {coding}.") from error
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> errors.PayloadTooLarge:
    """Return the refusal of a body of more than `limit` bytes."""
    return errors.PayloadTooLarge(f"The body is longer than {limit} bytes.", data={"max_bytes": limit})


def _names(headers: Iterable[str]) -> tuple[str, ...]:
    names = (name.strip().lower() for header in headers for name in header.split(","))
    return tuple(name for name in names if name not in ("", "identity"))


def _are_known(codings: tuple[str, ...]) -> bool:
    return len(codings) <= MAX_CODINGS and set(codings) <= _DECODERS.keys()


def _gunzip(body: bytes, limit: int) -> bytes:
    whole, rest = bytearray(), body
    for _ in range(MAX_MEMBERS):
        part, rest = _inflate(rest, _GZIP, limit - len(whole))
        whole += part
        rest = rest.lstrip(b"\0")  # files may be padded
        if not rest:
            return bytes(whole)
    raise zlib.error("too many members")


def _deflated(body: bytes, limit: int) -> bytes:
    """Undo deflate as the RFC has it, in zlib's wrapping, or as some senders do, without."""
    try:
        whole, rest = _inflate(body, zlib.MAX_WBITS, limit)
    except zlib.error:
        whole, rest = _inflate(body, -zlib.MAX_WBITS, limit)
    if rest:
        raise zlib.error("more than one stream")
    return whole


def _inflate(body: bytes, wbits: int, limit: int) -> tuple[bytes, bytes]:
    """Return a stream's content and what follows the stream."""
    stream = zlib.decompressobj(wbits)
    content = stream.decompress(body, limit + 1)
    if len(content) > limit:
        raise _Excess
    if not stream.eof:
        raise zlib.error("it ends too early")
    return content, stream.unused_data


_DECODERS: Final[dict[str, _Decoder]] = {"gzip": _gunzip, "x-gzip": _gunzip, "deflate": _deflated}
