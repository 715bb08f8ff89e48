"""Filters over lists and objects. Each element is a step; what sorts or compares pays for what the elements weigh."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from jinja2 import Environment, Undefined, pass_environment
from jinja2 import filters as jinja

from libs.common.templating import budget, methods, operators, values
from libs.common.templating.filters.guard import Entry

_LONGEST_ARGUMENT: Final = 1000
_MOST_PARTS: Final = 10_000


def _items(value: Any, *args: Any, **kwargs: Any) -> None:
    """Count the elements; refuse a path or name that is longer than any real one."""
    if isinstance(value, (list, tuple, dict, str, range)):
        budget.spend(len(value))
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, str) and len(argument) > _LONGEST_ARGUMENT:
            raise values.failed(f"an argument has more than {_LONGEST_ARGUMENT} characters")


def _heavy(value: Any, *args: Any, **kwargs: Any) -> None:
    """Count also what the elements weigh, since they are compared or copied."""
    _items(value, *args, **kwargs)
    budget.spend(0, values.weight(value) if isinstance(value, (list, tuple, dict)) else 0)


def _parts(value: Any, number: Any, fill_with: Any = None) -> None:
    _items(value)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= _MOST_PARTS:
        raise values.failed(f"`batch` and `slice` take a number from 1 to {_MOST_PARTS}")
    budget.spend(number)
    values.admit(values.weight(fill_with) * number)


def _getter(environment: Environment, attribute: Any) -> Callable[[Any], Any]:
    return jinja.make_attrgetter(environment, attribute) if attribute is not None else lambda item: item


@pass_environment
def _sum(environment: Environment, value: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    get, total = _getter(environment, attribute), start
    for item in values.counted_list(value):
        total = operators.apply("+", total, get(item))
    return total


@pass_environment
def _join(environment: Environment, value: Iterable[Any], d: Any = "", attribute: Any = None) -> str:
    get = _getter(environment, attribute)
    return methods.joined(values.text(d), [get(item) for item in values.counted_list(value)])


def _random(value: Any) -> Any:
    if isinstance(value, Undefined):
        str(value)  # raises, and says what is there
    return budget.current().random.choice(value)


FILTERS: Final = {
    "batch": Entry(jinja.do_batch, _parts, weighed=True),
    "count": Entry(len),
    "dictsort": Entry(jinja.do_dictsort, _heavy),
    "first": Entry(jinja.do_first),
    "groupby": Entry(jinja.do_groupby, _heavy),
    "items": Entry(jinja.do_items),
    "join": Entry(_join, _items),
    "last": Entry(jinja.do_last),
    "length": Entry(len),
    "list": Entry(values.counted_list),
    "map": Entry(jinja.do_map, _items, weighed=True),
    "max": Entry(jinja.do_max, _heavy),
    "min": Entry(jinja.do_min, _heavy),
    "random": Entry(_random),
    "reject": Entry(jinja.do_reject, _items),
    "rejectattr": Entry(jinja.do_rejectattr, _items),
    "reverse": Entry(jinja.do_reverse, _items),
    "select": Entry(jinja.do_select, _items),
    "selectattr": Entry(jinja.do_selectattr, _items),
    "slice": Entry(jinja.do_slice, _parts, weighed=True),
    "sort": Entry(jinja.do_sort, _heavy),
    "sum": Entry(_sum, _items),
    "unique": Entry(jinja.do_unique, _heavy),
}
