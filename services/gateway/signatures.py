"""Whether a request bears the signature that its flow asks for.

It is computed over the bytes as they came, once for each secret, and compared in constant time with what the request
bears. Only whoever has signed it is told that its time is wrong: strangers learn nothing but that it does not match.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from libs.common import errors
from libs.common.flow import signing, webhook_secrets

MAX_SIGNATURES: Final = 20  # in one header: enough for every key that a sender rotates through
_CHALLENGE: Final = {"WWW-Authenticate": "HMAC"}
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


class Headers(Protocol):
    """The headers of a request, by names in any case."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Return every value of a header."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says of its own signature. `signatures` are as they stand, with their prefixes."""

    signatures: tuple[str, ...]
    timestamp: str = ""
    id: str = ""


class Signatures:
    """The verifier; `clock_ms` tells the time in ms since the epoch."""

    def __init__(self, *, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms

    def check(self, scheme: signing.Scheme, secrets: Iterable[str], headers: Headers, body: bytes) -> None:
        """Return if one of the secrets has signed these bytes, and in time; `Unauthorized` if not."""
        signed = _read(scheme, headers)
        matches = [_matches(scheme, secret, signed, body) for secret in secrets if secret != webhook_secrets.MASK]
        if not any(matches):
            raise _refused("The signature does not match. Is the secret right, and is the body signed as it is sent?")
        if scheme.timed and abs(self._clock_ms() / 1000 - int(signed.timestamp)) > scheme.tolerance_s:
            raise _refused(f"The signature's timestamp is more than {scheme.tolerance_s} seconds away from now.")


def _read(scheme: signing.Scheme, headers: Headers) -> Signed:
    """Return what the headers say; `Unauthorized` where they say it not at all, twice, or in another form."""
    value = _only(headers, scheme.header)
    match scheme.layout:
        case "plain":
            signed = Signed((value,))
        case "list":
            signed = Signed(tuple(value.split(" ")))
        case "stripe":
            signed = _stripe(value)
    timestamp = signed.timestamp if scheme.timestamp_header is None else _only(headers, scheme.timestamp_header)
    if scheme.timed and not _SECONDS.fullmatch(timestamp):
        raise _refused("The signature's timestamp is not a time in seconds since 1970.")
    identity = "" if scheme.id_header is None else _only(headers, scheme.id_header)
    return Signed(signed.signatures[:MAX_SIGNATURES], timestamp, identity)


def _stripe(value: str) -> Signed:
    parts = value.split(",")
    times = [part.removeprefix("t=") for part in parts if part.startswith("t=")]
    signatures = tuple(part for part in parts if part.startswith("v1="))
    return Signed(signatures, times[0] if len(times) == 1 else "")


def _only(headers: Headers, name: str) -> str:
    values = headers.getall(name, ())
    if len(values) != 1:
        raise _refused(f"Send one header {name}: this flow takes signed requests only.")
    return values[0]


def _matches(scheme: signing.Scheme, secret: str, signed: Signed, body: bytes) -> bool:
    try:
        key = scheme.key(secret)
    except ValueError:
        return False
    digest = _digest(scheme, key, signed, body)
    wanted = [(scheme.prefix + text).encode() for text in _written(scheme, digest)]
    given = [signature.encode("utf-8", "surrogateescape") for signature in signed.signatures]
    return any(hmac.compare_digest(one, other) for one in wanted for other in given)


def _digest(scheme: signing.Scheme, key: bytes, signed: Signed, body: bytes) -> bytes:
    """Return the HMAC of what is signed, without copying the body into it."""
    before, _, after = scheme.signed.partition("{body}")
    computing = hmac.new(key, digestmod=getattr(hashlib, scheme.algorithm))
    for part in (_filled(before, signed), body, _filled(after, signed)):
        computing.update(part)
    return computing.digest()


def _filled(text: str, signed: Signed) -> bytes:
    filled = text.replace("{timestamp}", signed.timestamp).replace("{id}", signed.id)
    return filled.encode("utf-8", "surrogateescape")


def _written(scheme: signing.Scheme, digest: bytes) -> tuple[str, ...]:
    """Return the ways in which a signature may be written."""
    if scheme.encoding == "base64":
        return (base64.b64encode(digest).decode(),)
    return digest.hex(), digest.hex().upper()


def _refused(message: str) -> errors.Unauthorized:
    return errors.Unauthorized(message, headers=_CHALLENGE)
