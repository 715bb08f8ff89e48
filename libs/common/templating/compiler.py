"""One template: compiled once, rendered often."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Final

from jinja2 import Template, TemplateRuntimeError, TemplateSyntaxError, UndefinedError, meta, nodes
from jinja2.runtime import Context

from libs.common import errors
from libs.common.templating import budget, rewrite, sandbox, source, values

UNDEFINED: Final = "template_undefined"
_SELF: Final = "self"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled template. `keeps_type`: it is a single expression, whose value it gives instead of text."""

    render_parts: Callable[[Context], Iterable[str]]
    line_of: Callable[[int], int]
    lines: int
    keeps_type: bool
    names: frozenset[str]

    def render(self, scope: dict[str, Any], place: str) -> Any:
        """Return the text or value, within the budget that has been entered. `place` is for messages."""
        context = Context(sandbox.ENVIRONMENT, scope, None, {})
        try:
            text = "".join(self.render_parts(context))
            return values.plain(budget.current().result) if self.keeps_type else values.plain(text)
        except Exception as error:  # whatever a template does is its own failure
            raise self._explained(error, place) from error

    def _explained(self, error: Exception, place: str) -> errors.TemplateError:
        code, message = _in_words(error)
        line = self._line(error.__traceback__)
        where = [f"`{place}`"] if place else []
        where += [f"line {line}"] if self.lines > 1 and line is not None else []
        return errors.TemplateError(code, f"{', '.join(where)}: {message}" if where else message)

    def _line(self, traceback: TracebackType | None) -> int | None:
        line = None
        while traceback is not None:
            if "__jinja_template__" in traceback.tb_frame.f_globals:
                line = self.line_of(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line


@lru_cache(maxsize=2048)
def compile_source(text: str) -> Compiled:
    """Return the compiled template; `TemplateSyntaxError` with a line where the source is none."""
    environment = sandbox.ENVIRONMENT
    try:
        tree = source.parse(environment, text)
        names = meta.find_undeclared_variables(tree)
        if _SELF in names:
            raise TemplateSyntaxError("`self` is not there: a template stands alone", 1)
        expression = source.only_expression(tree)
        rewrite.guard(tree)
        if expression is not None:
            rewrite.keep_result(tree, _sole(tree))
        template = Template.from_code(environment, environment.compile(tree), {})
    except TemplateSyntaxError:
        raise
    except (RecursionError, SyntaxError, MemoryError, ValueError, OverflowError) as error:
        raise TemplateSyntaxError("the template is nested too deeply or holds too long a number", 1) from error
    return Compiled(
        render_parts=template.root_render_func,
        line_of=template.get_corresponding_lineno,
        lines=text.count("\n") + 1,
        keeps_type=expression is not None,
        names=frozenset(names) - sandbox.GLOBALS.keys(),
    )


def _sole(tree: nodes.Template) -> nodes.Expr:
    """Return the only expression after the rewriting, which may have wrapped it."""
    output: Any = tree.body[0]
    expression: nodes.Expr = output.nodes[0]
    return expression


def scope_of(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names with those that every template has."""
    return {**sandbox.GLOBALS, **names}


_TYPES: Final = {
    "NoneType": "null",
    "bool": "a boolean",
    "dict": "an object",
    "float": "a number",
    "int": "a number",
    "list": "a list",
    "str": "a text",
    "tuple": "a list",
}
_NO_ORDER: Final = re.compile(r"'(\S+)' not supported between instances of '(\w+)' and '(\w+)'")
_PLAIN_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ZeroDivisionError, "division by zero"),
    (RecursionError, "a macro, loop or value goes into itself too deeply"),
    (OverflowError, "a number is too large"),
    (MemoryError, "it wants too much memory"),
)


def _in_words(error: Exception) -> tuple[str, str]:
    """Return a code and a sentence for what a template has raised, without Python's own words."""
    if isinstance(error, errors.TemplateError):
        return error.code, error.message
    if isinstance(error, UndefinedError):
        return UNDEFINED, error.message or "something is not defined"
    if isinstance(error, TemplateRuntimeError):
        return values.FAILED, error.message or "the template asks for what cannot be done"
    for kind, words in _PLAIN_WORDS:
        if isinstance(error, kind):
            return values.FAILED, words
    unordered = _NO_ORDER.search(str(error))
    if unordered:
        symbol, *kinds = unordered.groups()
        left, right = (_TYPES.get(kind, "this value") for kind in kinds)
        return values.FAILED, f"`{symbol}` does not work on {left} and {right}"
    return values.FAILED, "a value is not of the kind that is needed here"
