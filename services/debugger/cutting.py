"""Values that are too long for the record are cut, with a mark that says how long they were.

A text keeps its beginning. Of anything else the largest parts give way to a mark, so that what surrounds them can still
be read; where that does not suffice, the whole value does. What is short enough stays as it came, byte for byte.
"""

from typing import Any, Final

import msgspec

LIMIT: Final = 64 * 1024
MARK: Final = "$cut"
_PART: Final = 4  # a part that gives way keeps at most this fraction of the whole limit


def cut_text(text: str, limit: int = LIMIT) -> str:
    """Return a text of at most about `limit` bytes (UTF-8); a cut one says at its end how long it was."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return f"{data[:limit].decode(errors='ignore')}… (cut, {len(data)} bytes)"


def cut_json(data: bytes, limit: int = LIMIT) -> bytes:
    """Return JSON of at most about `limit` bytes, given JSON."""
    if len(data) <= limit:
        return data
    value = msgspec.json.decode(data)
    if isinstance(value, str):
        return msgspec.json.encode(cut_text(value, limit))
    if isinstance(value, dict):
        return _cut_parts(value, data, limit)
    return _mark(data, limit)


def _cut_parts(value: dict[str, Any], data: bytes, limit: int) -> bytes:
    parts = {name: msgspec.Raw(msgspec.json.encode(part)) for name, part in value.items()}
    excess = sum(len(part) + len(name.encode()) + 4 for name, part in parts.items()) - limit
    for name in sorted(parts, key=lambda name: len(parts[name]), reverse=True):
        if excess <= 0:
            break
        shorter = _cut_part(value[name], bytes(parts[name]), limit // _PART)
        excess -= len(parts[name]) - len(shorter)
        parts[name] = msgspec.Raw(shorter)
    if excess > 0:
        return _mark(data, limit)
    return msgspec.json.encode(parts)


def _cut_part(part: Any, data: bytes, limit: int) -> bytes:
    if len(data) <= limit:
        return data
    return msgspec.json.encode(cut_text(part, limit)) if isinstance(part, str) else _mark(data, limit)


def _mark(data: bytes, limit: int) -> bytes:
    start = data[: limit // 2].decode(errors="ignore")  # half, since quoting it makes it longer
    return msgspec.json.encode({MARK: {"bytes": len(data), "start": start}})
