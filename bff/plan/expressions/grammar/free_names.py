"""The names from around an expression that it reads: `$`, and variables that it doesn't bind."""

from bff.plan.expressions.grammar.nodes import Node

ROOT_SIGN = "$"

_NONE: frozenset[str] = frozenset()


def free_names(node: Node) -> frozenset[str]:
    """`$` where the expression reads the root by it, and the names of variables, without sign."""
    match node.kind:
        case "root":
            return frozenset((ROOT_SIGN,))
        case "variable":
            return frozenset((node.value,))
        case "let_expression":
            *bindings, body = node.children
            bound = {binding.value for binding in bindings}
            return _NONE.union(*map(free_names, bindings)) | (free_names(body) - bound)
        case _:
            return _NONE.union(*map(free_names, node.children))
