"""What people may look at shows no secrets: header values that open doors are replaced by `***`.

The gateway leaves secret headers out of what it publishes and names them; here their names come back, masked. What a
flow sends and receives itself, in the headers of its steps, is masked by the headers' names.
"""

import re
from typing import Any, Final

import msgspec

from libs.common import messages

MASK: Final = "***"
_SECRET_HEADER: Final = re.compile(
    r"(proxy-)?authorization|(set-)?cookie2?|.*(api-?key|token|secret|password|signature|credential).*|x-.*-auth|x-auth-.*",
    re.IGNORECASE,
)
_USER_INFO: Final = re.compile(r"(?<=://)[^/?#\s\"@]+@")


def is_secret_header(name: str) -> bool:
    """Tell whether a header of this name is likely to bear a secret."""
    return _SECRET_HEADER.fullmatch(name) is not None


def masked_headers(request: messages.HttpRequest) -> dict[str, str]:
    """Return the headers of a request as they are shown: secret ones by name, with a mask for a value."""
    shown = {name: MASK if is_secret_header(name) else value for name, value in request.headers.items()}
    return shown | dict.fromkeys(request.masked, MASK)


def mask_json(data: bytes) -> bytes:
    """Return a step's input or output with the values of secret headers masked, and credentials in its `url`.

    Headers are what stands in an object under the name `headers`, at the top. What needs no mask stays as it came.
    """
    if b'"headers"' not in data and b'"url"' not in data:
        return data
    value = msgspec.json.decode(data)
    if not isinstance(value, dict):
        return data
    shown = value | {name: mask(value[name]) for name, mask in _MASKS.items() if name in value}
    return data if shown == value else msgspec.json.encode(shown)


def _mask_headers(headers: Any) -> Any:
    if isinstance(headers, dict):
        return {name: MASK if is_secret_header(name) else value for name, value in headers.items()}
    return headers


def _mask_url(url: Any) -> Any:
    return _USER_INFO.sub(f"{MASK}@", url) if isinstance(url, str) else url


_MASKS: Final = {"headers": _mask_headers, "url": _mask_url}
