"""Jinja's environment, guarded. Templates are compiled in it by `compiler`; nothing else should use it."""

import types
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from jinja2 import Undefined as AnyUndefined
from jinja2 import pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

from libs.common.templating import attributes, budget, conditions, filters, methods, operators, values
from libs.common.templating.undefined import Undefined

LONGEST_RANGE: Final = 100_000


class GuardedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox that counts. What is not allowed here by name does not exist in a template."""

    intercepted_binops = operators.SYMBOLS

    def __init__(self) -> None:
        super().__init__(undefined=Undefined, optimized=False, finalize=_finalize, cache_size=0)
        self.filters: MutableMapping[str, Any] = {**filters.PUBLIC, **filters.INTERNAL}  # type: ignore[assignment]
        self.tests: MutableMapping[str, Any] = dict(conditions.PUBLIC)  # type: ignore[assignment]
        self.globals.clear()

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may use this attribute."""
        return attributes.is_allowed(obj, attr) and super().is_safe_attribute(obj, attr, value)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a key of an object, an element of a list, else an attribute."""
        if isinstance(obj, (Mapping, list, tuple, str, range)):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(obj, AnyUndefined):
            return obj[argument]
        return self._attribute(obj, argument)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return an attribute that is to be called, else what `getitem` gives."""
        if not isinstance(obj, AnyUndefined) and attributes.is_allowed(obj, attribute):
            return self._attribute(obj, attribute)
        return self.getitem(obj, attribute)

    def _attribute(self, obj: Any, name: Any) -> Any:
        if isinstance(name, str) and attributes.is_allowed(obj, name):
            try:
                value = getattr(obj, name)
            except AttributeError:
                return self.undefined(obj=obj, name=name)
            if self.is_safe_attribute(obj, name, value):
                return value
        return self.undefined(obj=obj, name=name)

    def wrap_str_format(self, value: Any) -> Any:
        """Refuse `str.format`, however a template came by it."""
        if isinstance(value, types.BuiltinMethodType) and value.__name__ in ("format", "format_map"):
            raise values.failed("formatting texts is not there; `~` joins values")
        return None

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return `left operator right`, bounded."""
        return operators.apply(operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as in Jinja
        """Call a function of the template, counted; methods of texts and dates in their bounded versions."""
        budget.spend(1 + len(args) + len(kwargs))
        if isinstance(__obj, types.BuiltinMethodType):
            holder = __obj.__self__
            if isinstance(holder, str):
                return methods.of_text(__obj, args, kwargs)
            if attributes.is_date_format(holder, __obj.__name__):
                return methods.date_text(__obj, *args, **kwargs)
        if not callable(__obj):
            raise values.failed(f"{values.kind(__obj)} cannot be called")
        return super().call(__context, __obj, *args, **kwargs)

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Apply a filter by its name, as `map` does; those that the rewriting uses cannot be named."""
        if name not in filters.PUBLIC:
            raise values.failed(f"there is no filter `{name if isinstance(name, str) else values.kind(name)}`")
        return super().call_filter(name, *args, **kwargs)


@pass_context  # a finalizer that wants the context keeps Jinja from computing constants while it compiles
def _finalize(_: Context, value: Any) -> str:
    return values.text(value)


def _range(*args: Any) -> range:
    made = range(*args)
    if len(made) > LONGEST_RANGE:
        raise values.failed(f"a range has at most {LONGEST_RANGE} numbers")
    return made


def _dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    made = dict(*args, **kwargs)
    budget.spend(len(made))
    values.weight(made)
    return made


GLOBALS: Final[Mapping[str, Any]] = {
    "range": _range,
    "dict": _dict,
    "namespace": Namespace,
    "cycler": Cycler,
    "joiner": Joiner,
}
ENVIRONMENT: Final = GuardedEnvironment()
