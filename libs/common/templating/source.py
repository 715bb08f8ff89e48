"""The source of one template: bounded before and after Jinja reads it, so that no source exhausts the compiler.

The limits are far below what Jinja and Python can do in any call depth, so a template that was saved compiles
everywhere.
"""

from collections.abc import Iterator
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes

DEEPEST_BRACKETS: Final = 30
DEEPEST_TREE: Final = 100
DEEPEST_LOOPS: Final = 10
_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_REFUSED: Final[dict[type[nodes.Node], str]] = {
    nodes.Block: "block",
    nodes.Extends: "extends",
    nodes.FromImport: "from",
    nodes.Import: "import",
    nodes.Include: "include",
    nodes.ScopedEvalContextModifier: "autoescape",
}


def is_template(text: str) -> bool:
    """Return whether a text holds a template at all."""
    return "{{" in text or "{%" in text or "{#" in text


def parse(environment: Environment, source: str) -> nodes.Template:
    """Return the syntax tree of a source; `TemplateSyntaxError` with the line where it is none, or too deep."""
    _bound_brackets(environment, source)
    tree = environment.parse(source)
    for node, depth, loops in _walk(tree):
        line = node.lineno or 1
        if depth > DEEPEST_TREE:
            raise TemplateSyntaxError(f"an expression is nested deeper than {DEEPEST_TREE} levels", line)
        if loops > DEEPEST_LOOPS:
            raise TemplateSyntaxError(f"loops are nested deeper than {DEEPEST_LOOPS} levels", line)
        if type(node) in _REFUSED:
            raise TemplateSyntaxError(f"the tag `{_REFUSED[type(node)]}` is not there: a template stands alone", line)
    return tree


def only_expression(tree: nodes.Template) -> nodes.Expr | None:
    """Return the expression of a template that is nothing but `{{ expression }}`."""
    match tree.body:
        case [nodes.Output(nodes=[nodes.TemplateData()])]:
            return None
        case [nodes.Output(nodes=[expression])]:
            return expression
    return None


def _bound_brackets(environment: Environment, source: str) -> None:
    depth = 0
    for line, kind, text in environment.lex(source):
        if kind == "operator":
            depth += (text in _OPENING) - (text in _CLOSING)
            if depth > DEEPEST_BRACKETS:
                raise TemplateSyntaxError(f"brackets are nested deeper than {DEEPEST_BRACKETS} levels", line)


def _walk(tree: nodes.Template) -> Iterator[tuple[nodes.Node, int, int]]:
    """Yield all nodes with their depth and the number of loops around them, without recursion."""
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 0)]
    while waiting:
        node, depth, loops = waiting.pop()
        yield node, depth, loops
        loops += isinstance(node, nodes.For)
        waiting.extend((child, depth + 1, loops) for child in node.iter_child_nodes())
