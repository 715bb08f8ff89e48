"""Values with templates in them: a step's `with`, a response's headers.

    compile_value({"url": "https://x/{{ web1.id }}", "n": 3}).render({"web1": {"id": 7}})

A text with `{{`, `{%` or `{#` in it is a template; everything else is given back as it stands. A text that is nothing
but one `{{ expression }}` keeps the type of its value, any other becomes text. Keys of objects are not templates.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import TemplateSyntaxError

from libs.common import errors
from libs.common.templating import budget, compiler, places, source

Limits = budget.Limits
DEFAULT: Final = Limits()

_JSONPATH: Final = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)[^}]*?(?:\[\*\]|\.\*|\.\.|\[\?|\[\(@|\[\d+\s*,)")
_Render = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Templated:
    """A value with its templates compiled. `names` are the top-level names that they use."""

    value: Any
    names: frozenset[str]
    _render: _Render | None

    def render(self, names: Mapping[str, Any], *, limits: Limits = DEFAULT, seed: str = "") -> Any:
        """Return the value with its templates rendered, all within one budget; `TemplateError` where one fails.

        What holds no template is the same object in every result, as are values that templates pass on: nobody may
        change them. Equal seeds give equal choices of `random`.
        """
        if self._render is None:
            return self.value
        token = budget.enter(budget.Budget(limits, names, seed))
        try:
            return self._render(compiler.scope_of(names))
        finally:
            budget.leave(token)


def compile_value(
    value: Any, *, refs: frozenset[str] = frozenset(), path: str = "", limits: Limits = DEFAULT
) -> Templated:
    """Return a JSON value with its templates compiled; `InvalidFlow` with a fault for each that is no template.

    `path` is where the value stands, for the faults; messages of failed renderings name the place within it.
    """
    compiling = _Compiling(refs, path, limits)
    render = compiling.of(value, "")
    if compiling.faults:
        raise errors.InvalidFlow(tuple(compiling.faults))
    return Templated(value, frozenset(compiling.names), render)


class _Compiling:
    """Goes through a value; collects names and faults."""

    def __init__(self, refs: frozenset[str], path: str, limits: Limits) -> None:
        self.names: set[str] = set()
        self.faults: list[errors.Fault] = []
        self._refs = refs
        self._path = path
        self._limits = limits

    def of(self, value: Any, place: str) -> _Render | None:
        """Return what renders the value, or None where there is nothing to render."""
        if isinstance(value, str):
            return self._text(value, place) if source.is_template(value) else None
        if isinstance(value, dict):
            return self._dict(value, place)
        if isinstance(value, list):
            return self._list(value, place)
        return None

    def _text(self, text: str, place: str) -> _Render | None:
        try:
            if len(text) > self._limits.source_chars:
                raise TemplateSyntaxError(f"a template has at most {self._limits.source_chars} characters", 1)
            compiled = compiler.compile_source(text)
        except TemplateSyntaxError as error:
            self.faults.append(errors.Fault(places.join(self._path, place), self._in_words(text, error)))
            return None
        self.names |= compiled.names
        return lambda scope: compiled.render(scope, place)

    def _in_words(self, text: str, error: TemplateSyntaxError) -> str:
        message = str(error.message or "it is no template").rstrip(".")
        path = _JSONPATH.match(text)
        if path and path[1] in self._refs:
            message = "JSONPath is not supported in a template; use a loop, or the filters `map` and `select`"
        return f"template, line {error.lineno}: {message}"

    def _dict(self, value: dict[str, Any], place: str) -> _Render | None:
        renders = {key: self.of(item, places.key(place, key)) for key, item in value.items()}
        live = [(key, render) for key, render in renders.items() if render is not None]
        if not live:
            return None
        return lambda scope: {**value, **{key: render(scope) for key, render in live}}

    def _list(self, value: list[Any], place: str) -> _Render | None:
        renders = [self.of(item, places.index(place, number)) for number, item in enumerate(value)]
        if not any(renders):
            return None
        pairs = list(zip(value, renders, strict=True))
        return lambda scope: [item if render is None else render(scope) for item, render in pairs]


def template_chars(value: Any) -> int:
    """Return how many characters all the templates in a value have."""
    if isinstance(value, str):
        return len(value) if source.is_template(value) else 0
    if isinstance(value, dict):
        return sum(map(template_chars, value.values()))
    return sum(map(template_chars, value)) if isinstance(value, list) else 0
