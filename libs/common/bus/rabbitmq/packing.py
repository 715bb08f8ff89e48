"""Several letters in one message, and back. Pure.

Only letters that stand beside each other and go to the same address share a message, so that none overtakes another.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from libs.common import errors
from libs.common.bus import port

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class HasLetter(Protocol):
    """Anything that bears a letter."""

    @property
    def letter(self) -> port.Letter:
        """The letter."""


Bearer = TypeVar("Bearer", bound=HasLetter)


def packs(bearers: Iterable[Bearer]) -> Iterator[list[Bearer]]:
    """Divide letters, in their order, into messages of at most `MAX_PACK` letters and `MAX_PACK_BYTES`.

    A longer letter, and one that is to be alone, is a message by itself.
    """
    pack: list[Bearer] = []
    size = 0
    for bearer in bearers:
        letter = bearer.letter
        size += len(letter.body) + 1
        if pack and (len(pack) == port.MAX_PACK or size >= port.MAX_PACK_BYTES or not _share(pack[-1].letter, letter)):
            yield pack
            pack, size = [], len(letter.body) + 1
        pack.append(bearer)
    if pack:
        yield pack


def _share(one: port.Letter, other: port.Letter) -> bool:
    return (
        one.key == other.key
        and one.exchange == other.exchange
        and one.schema == other.schema
        and not one.alone
        and not other.alone
        and one.headers == other.headers
    )


def join(bodies: Sequence[bytes]) -> bytes:
    """Return the body of the message that holds these."""
    return b"[%b]" % b",".join(bodies)


def split(body: bytes) -> list[bytes]:
    """Return what a message holds; `UnreadableMessage` if it is no list of ours."""
    try:
        items = _LIST.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise errors.UnreadableMessage(f"no list: {error}", body) from error
    if not items:
        raise errors.UnreadableMessage("an empty list", body)
    return [bytes(item) for item in items]
