"""How deeply JSON is nested, told without parsing it.

Nearly every body holds fewer brackets than levels are allowed, which one count settles. For the others everything but
brackets is taken away; then each round removes the innermost pairs, so that rounds count levels. All of it happens in
C, so a body made to be nested costs about as much as one made to be read.
"""

from typing import Final

MAX_DEPTH: Final = 64

_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def is_deeper(text: bytes, levels: int) -> bool:
    """Tell whether JSON in UTF-8 is nested deeper than this. Of what is no JSON it may say either."""
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    brackets = _outside_strings(text).translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(levels):
        rest = brackets.replace(b"[]", b"")
        if len(rest) == len(brackets):
            break
        brackets = rest
    return brackets.count(b"[") > levels or b"[]" in brackets


def _outside_strings(text: bytes) -> bytes:
    unescaped = text.replace(rb"\\", b"").replace(rb"\"", b"")
    return b"".join(unescaped.split(b'"')[::2])
