"""Filters that only the rewriting puts into a template: their names hold a space, which no source can write."""

from collections.abc import Callable
from typing import Any, Final

from libs.common.templating import budget, methods, values

TURN: Final = " turn"
LITERAL: Final = " literal"
CONCAT: Final = " concat"
CHECKED: Final = " checked"
SLICED: Final = " sliced"
RESULT: Final = " result"


def _turn(steps: int) -> int:
    budget.spend(steps)
    return steps


def _literal(made: Any) -> Any:
    budget.spend(len(made))
    values.weight(made)
    return made


def _concat(parts: tuple[Any, ...]) -> str:
    return methods.joined("", parts)


def _checked(value: Any) -> Any:
    budget.spend(1)
    return value


def _sliced(made: Any) -> Any:
    if isinstance(made, str):
        budget.spend(1, len(made))
    elif isinstance(made, (list, tuple)):
        budget.spend(1 + len(made))
    return made


def _result(value: Any) -> str:
    budget.current().result = value
    return ""


FILTERS: Final[dict[str, Callable[[Any], Any]]] = {
    TURN: _turn,
    LITERAL: _literal,
    CONCAT: _concat,
    CHECKED: _checked,
    SLICED: _sliced,
    RESULT: _result,
}
