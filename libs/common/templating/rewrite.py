# ruff: noqa: N802 - a visitor's methods bear the names of the nodes
"""The syntax tree of a template, rewritten so that what can grow reports to the budget."""

from typing import Final, cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from libs.common.templating.filters import internal

_CALLABLE_FIRST: Final = ("loop", "caller")


def guard(tree: nodes.Template) -> None:
    """Rewrite a whole template in place."""
    _Guard().visit(tree)


def keep_result(tree: nodes.Template, expression: nodes.Expr) -> None:
    """Make the template note the value of its only expression instead of writing it."""
    tree.body = [nodes.ExprStmt(_through(internal.RESULT, expression), lineno=expression.lineno)]


def _through(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)


class _Guard(NodeTransformer):
    """Wraps nodes. `_repeated` is the depth of what may run more than once: text there counts each time."""

    def __init__(self) -> None:
        self._repeated = 0

    def _inside(self, node: nodes.Node) -> None:
        self._repeated += 1
        self.generic_visit(node)
        self._repeated -= 1

    def visit_For(self, node: nodes.For) -> nodes.Node:
        """Count each turn, and each element that a loop's `if` looks at."""
        self._inside(node)
        if node.test is not None:
            node.test = _through(internal.CHECKED, node.test)
        turn = nodes.ExprStmt(_through(internal.TURN, nodes.Const(1, lineno=node.lineno)), lineno=node.lineno)
        node.body.insert(0, turn)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:
        """Count the text of a macro each time that it is called."""
        self._inside(node)
        return node

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.Node:
        """Count the text of a call block each time that its caller is called."""
        self._inside(node)
        return node

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        """Let text that may be written many times go through the account."""
        return nodes.Const(node.data, lineno=node.lineno) if self._repeated else node

    def visit_List(self, node: nodes.List) -> nodes.Node:
        """Weigh a list."""
        self.generic_visit(node)
        return _through(internal.LITERAL, node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:
        """Weigh a tuple, unless it is the target of an assignment."""
        self.generic_visit(node)
        return node if node.ctx == "store" else _through(internal.LITERAL, node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:
        """Weigh an object."""
        self.generic_visit(node)
        return _through(internal.LITERAL, node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """Count what `~` joins before it is joined."""
        self.generic_visit(node)
        return _through(internal.CONCAT, nodes.Tuple(node.nodes, "load", lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        """Look at the clock after each comparison: those of long lists take long."""
        self.generic_visit(node)
        return _through(internal.CHECKED, node)

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        """Look at the clock after each test."""
        self.generic_visit(node)
        return _through(internal.CHECKED, node)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """Count what a slice copies."""
        self.generic_visit(node)
        return _through(internal.SLICED, node) if isinstance(node.arg, nodes.Slice) else node

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:
        """Read `order.items` as the key of that name; only `order.items()` is the method."""
        self.generic_visit(node)
        if isinstance(node.node, nodes.Name) and node.node.name in _CALLABLE_FIRST:
            return node
        return nodes.Getitem(node.node, nodes.Const(node.attr, lineno=node.lineno), "load", lineno=node.lineno)

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        """Leave the attribute that is called as it is."""
        called = node.node
        if not isinstance(called, nodes.Getattr):
            self.generic_visit(node)
            return node
        called.node = self.visit(called.node)
        node.node = nodes.Name("called", "load")
        self.generic_visit(node)
        node.node = called
        return node
