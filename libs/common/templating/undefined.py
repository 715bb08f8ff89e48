"""Names that are not there: an error that says what is."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jinja2 import StrictUndefined
from jinja2.utils import missing

from libs.common.templating import budget, values

SHOWN: Final = 20
LONGEST_NAME: Final = 40


class Undefined(StrictUndefined):
    """A name or key that is not there. It may be asked `is defined` or given a `default`, nothing else."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        name = _shown(self._undefined_name)
        if self._undefined_hint:
            return self._undefined_hint
        if self._undefined_obj is missing:
            return f"`{name}` is not defined; there {_listing(budget.current().names)}"
        return f"there is no `{name}` in {_inside(self._undefined_obj)}"


def _inside(holder: Any) -> str:
    if isinstance(holder, Mapping):
        return f"the object; it has {_names(holder)}" if holder else "the object; it is empty"
    if isinstance(holder, (list, tuple)):
        return f"the list; it has {len(holder)} elements, counted from 0"
    return values.kind(holder)


def _listing(names: Iterable[Any]) -> str:
    return f"are {_names(names)}"


def _names(names: Iterable[Any]) -> str:
    all_names = [_shown(name) for name in names]
    more = len(all_names) - SHOWN
    return ", ".join(all_names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _shown(name: Any) -> str:
    written = str(name) if isinstance(name, (str, int)) and not isinstance(name, bool) else values.kind(name)
    return written if len(written) <= LONGEST_NAME else written[:LONGEST_NAME] + "…"
