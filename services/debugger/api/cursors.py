"""Places in a list as opaque texts. They name the last item seen, so that what is added meanwhile shifts nothing."""

import base64
import binascii
from typing import TypeVar

import msgspec

from libs.common import errors
from services.debugger.api import envelope

Place = TypeVar("Place")


def write(place: object) -> str:
    """Return the cursor that leads behind this place."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()


def read(text: str | None, kind: type[Place]) -> Place | None:
    """Return the place that was written; None to begin. `InvalidRequest` if this list never gave such a cursor."""
    if text is None:
        return None
    try:
        padded = text.encode() + b"=" * (-len(text) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise envelope.invalid(errors.Fault("cursor", "is not one that this list gave")) from None
