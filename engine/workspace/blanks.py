"""The blanks of a template that are filled in with nothing to fall back on."""

from collections.abc import Iterator

from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

FALLBACKS = ("default", "d")
PARSER = ImmutableSandboxedEnvironment()


def names_filled(text: str) -> frozenset[str]:
    """The names that a template reads."""
    return frozenset(meta.find_undeclared_variables(PARSER.parse(text)))


def open_blanks(node: nodes.Node, told: frozenset[str] = frozenset()) -> Iterator[nodes.Name]:
    """Names that need a value: neither with `default` nor below an `is defined` that vouches for them (`told`)."""
    if isinstance(node, nodes.Name):
        if node.ctx == "load" and node.name not in told:
            yield node
    elif isinstance(node, nodes.Test) and node.name in {"defined", "undefined"}:
        return
    elif isinstance(node, nodes.Filter) and node.name in FALLBACKS and isinstance(node.node, nodes.Name):
        yield from _inside(node, told, but=node.node)
    elif isinstance(node, nodes.If | nodes.CondExpr):
        yield from _branches(node, told)
    elif isinstance(node, nodes.And):
        yield from open_blanks(node.left, told)
        yield from open_blanks(node.right, told | _vouched(node.left))
    elif isinstance(node, nodes.For):
        loop = frozenset(name.name for name in (node.target, *node.target.find_all(nodes.Name)) if isinstance(name, nodes.Name))
        yield from open_blanks(node.iter, told)
        for child in (*node.body, *node.else_):
            yield from open_blanks(child, told | loop | {"loop"})
    else:
        yield from _inside(node, told)


def _inside(node: nodes.Node, told: frozenset[str], but: nodes.Node | None = None) -> Iterator[nodes.Name]:
    for child in node.iter_child_nodes():
        if child is not but:
            yield from open_blanks(child, told)


def _branches(node: nodes.If | nodes.CondExpr, told: frozenset[str]) -> Iterator[nodes.Name]:
    yield from open_blanks(node.test, told)
    first, last = ([node.expr1], [node.expr2] if node.expr2 else []) if isinstance(node, nodes.CondExpr) else (node.body, [*node.elif_, *node.else_])
    for child in first:
        yield from open_blanks(child, told | _vouched(node.test))
    for child in last:
        yield from open_blanks(child, told | _vouched(node.test, defined=False))


def _vouched(test: nodes.Node, *, defined: bool = True) -> frozenset[str]:
    """The names that have a value where the test is true (or false)."""
    if isinstance(test, nodes.Not):
        return _vouched(test.node, defined=not defined)
    if isinstance(test, nodes.And) and defined:
        return _vouched(test.left) | _vouched(test.right)
    if isinstance(test, nodes.Test) and isinstance(test.node, nodes.Name) and test.name == ("defined" if defined else "undefined"):
        return frozenset((test.node.name,))
    return frozenset()
