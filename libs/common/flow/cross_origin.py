"""`cors` of a webhook: which web pages may call it from a browser and read its answer."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from libs.common.flow import model

ANY: Final = "*"
MOST: Final = 50
ALWAYS: Final = ("Authorization", "Content-Type", "Idempotency-Key")

_ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")


def _origin(value: str) -> str:
    if value != ANY and not _ORIGIN.fullmatch(value):
        raise ValueError('must be an origin as browsers send it, like "https://shop.example", without a path; or "*"')
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or value == ANY:
        raise ValueError("must be the name of a header")
    return value


class CorsSettings(model.Strict):
    """As it is written. `headers` are those that pages may send beside `ALWAYS`; `max_age` is in seconds."""

    origins: Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(min_length=1, max_length=MOST)]
    headers: Annotated[list[Annotated[str, AfterValidator(_name)]], Field(default_factory=list, max_length=MOST)]
    max_age: Annotated[int, Field(ge=0, le=86_400)] = 600


@dataclass(frozen=True, slots=True)
class Cors:
    """What browsers are told."""

    origins: frozenset[str]
    headers: str
    max_age: str

    @property
    def for_all(self) -> bool:
        """Whether every page may call, so that the answer is the same for all of them."""
        return ANY in self.origins

    def allowed(self, origin: str | None) -> str | None:
        """Return what is allowed to a page of this origin: `*`, the origin, or None."""
        if self.for_all:
            return ANY
        return origin if origin in self.origins else None


def settings(given: CorsSettings | None) -> Cors | None:
    """Return the settings as gateways use them; None where pages of other origins may not call."""
    if given is None:
        return None
    return Cors(frozenset(given.origins), ", ".join((*ALWAYS, *given.headers)), str(given.max_age))
