"""What all filters have in common: they are counted, and fail in words."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from libs.common.templating import budget, values

Check = Callable[..., None]
_WRONG: Final = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True)
class Entry:
    """A filter, what is checked before it, and whether its result is weighed since it may hold more than its input.

    The check is called as the filter is, without its context.
    """

    function: Callable[..., Any]
    check: Check | None = None
    weighed: bool = False


def guarded(name: str, entry: Entry) -> Callable[..., Any]:
    """Return the filter as the environment takes it; what it makes is counted, a lazy result is made at once."""
    function, check = entry.function, entry.check
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def filter_(*args: Any, **kwargs: Any) -> Any:
        budget.spend(1)
        try:
            if check is not None:
                check(*args[first:], **kwargs)
            made = function(*args, **kwargs)
            if isinstance(made, Iterator):
                made = values.counted_list(made)
        except _WRONG as error:
            given = values.kind(args[first]) if len(args) > first else "nothing"
            raise values.failed(f"the filter `{name}` does not work on {given} with these arguments") from error
        if isinstance(made, str):
            budget.spend(0, len(made))
        elif entry.weighed:
            values.weight(made)
        return made

    return filter_
