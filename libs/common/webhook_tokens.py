"""The token of a flow's webhook: a JWT (HS256, pinned) that bears the flow and its generation.

Rotating raises the flow's generation, which makes every earlier token worthless wherever the new number is known.
"""

from typing import Final

import jwt

_ALGORITHM: Final = "HS256"


def sign(key: bytes, *, flow_id: str, generation: int) -> str:
    """Return the token of a flow; it begins with `ey`."""
    return jwt.encode({"flow": flow_id, "gen": generation}, key, algorithm=_ALGORITHM)


def verify(key: bytes, token: str, *, flow_id: str, generations: frozenset[int]) -> bool:
    """Tell whether the token is this flow's and of a generation that still opens it."""
    try:
        claims = jwt.decode(token, key, algorithms=[_ALGORITHM], options={"require": ["flow", "gen"]})
    except jwt.InvalidTokenError:
        return False
    return claims["flow"] == flow_id and claims["gen"] in generations
