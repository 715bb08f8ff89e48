"""Digests and base64."""

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final

from libs.common.templating import values
from libs.common.templating.filters.guard import Entry

_ALGORITHMS: Final = ("md5", "sha1", "sha256", "sha512")


def _bytes(value: Any) -> bytes:
    return values.text(value).encode()


def _algorithm(name: Any) -> str:
    if name not in _ALGORITHMS:
        raise values.failed(f"the algorithm is one of {', '.join(_ALGORITHMS)}")
    return str(name)


def _hash(value: Any, algorithm: str = "sha256") -> str:
    return hashlib.new(_algorithm(algorithm), _bytes(value), usedforsecurity=False).hexdigest()


def _hmac(value: Any, key: Any, algorithm: str = "sha256", encoding: str = "hex") -> str:
    digest = hmac.new(_bytes(key), _bytes(value), _algorithm(algorithm)).digest()
    if encoding == "base64":
        return base64.b64encode(digest).decode()
    if encoding != "hex":
        raise values.failed("the encoding is hex or base64")
    return digest.hex()


def _encode(value: Any, urlsafe: bool = False) -> str:
    return (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(_bytes(value)).decode()


def _decode(value: Any, urlsafe: bool = False) -> str:
    try:
        written = _bytes(value)
        return base64.b64decode(
            written + b"=" * (-len(written) % 4), b"-_" if urlsafe else None, validate=True
        ).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise values.failed("`b64decode` was given a text that is not base64 of a text") from None


FILTERS: Final = {
    "b64decode": Entry(_decode),
    "b64encode": Entry(_encode),
    "hash": Entry(_hash),
    "hmac": Entry(_hmac),
}
