"""The secrets that a flow's document bears literally: under `auth: {hmac: {secrets: […]}}` of its webhook.

They are kept with the document, since who is to verify a signature needs them, and nowhere else: what is shown, what
travels to runners and what is recorded has `***` in their places. A mask that is sent back keeps what it stands for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from libs.common import errors
from libs.common.flow.flow_document import FlowDocument

MASK: Final = "***"
_SIGN: Final = b'"hmac"'  # without it a document has no secrets, and is not looked into
_PLACE: Final = "steps[0].with.auth.hmac.secrets"


def taken_out(document: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a saved document with masks for its secrets, and the secrets."""
    if _SIGN not in document:
        return document, ()
    try:
        value = msgspec.json.decode(document)
    except msgspec.MsgspecError:
        return document, ()  # whoever reads it as a document says what is wrong with it
    settings = _settings(value)
    if settings is None:
        return document, ()
    secrets = tuple(str(secret) for secret in settings["secrets"])
    settings["secrets"] = [MASK] * len(secrets)
    return msgspec.json.encode(value), secrets


def masked(document: bytes) -> bytes:
    """Return a saved document as it is shown and as it travels."""
    return taken_out(document)[0]


def put_back(parsed: FlowDocument, stored: bytes | None) -> FlowDocument:
    """Return a document with what its masks stand for in the stored one; `InvalidFlow` where that is nothing.

    Where both have as many secrets, a mask keeps the one in its place; else the first keeps the first, and so on.
    """
    first = parsed.steps[0] if parsed.steps else None
    settings = None if first is None else _settings({"steps": [first.to_plain()]})
    if first is None or settings is None or MASK not in settings["secrets"]:
        return parsed
    kept = () if stored is None else taken_out(stored)[1]
    secrets = _filled(settings["secrets"], kept)
    with_ = {**first.with_, "auth": {"hmac": {**settings, "secrets": secrets}}}
    return parsed.model_copy(update={"steps": (replace(first, with_=with_), *parsed.steps[1:])})


def _filled(given: Sequence[str], kept: Sequence[str]) -> list[str]:
    filled: list[str] = []
    masks = 0
    for number, secret in enumerate(given):
        if secret == MASK:
            source = number if len(given) == len(kept) else masks
            masks += 1
            if source >= len(kept):
                raise errors.InvalidFlow((errors.Fault(f"{_PLACE}[{number}]", "masks a secret that is not kept"),))
            secret = kept[source]
        filled.append(secret)
    return filled


def _settings(document: Any) -> dict[str, Any] | None:
    """Return what stands under `hmac` in a document's webhook, if it has secrets in a list."""
    try:
        first = document["steps"][0]
        settings = first["with"]["auth"]["hmac"] if first["type"] == "webhook" else None
    except (KeyError, IndexError, TypeError):
        return None
    return settings if isinstance(settings, dict) and isinstance(settings.get("secrets"), list) else None
