"""The paths of names that an expression reads from the root, by its tree alone.

The cache key and the order of steps depend on them, so they may be too many and never too few: no
change outside of these paths changes the expression's value. A path stops where its value is used
whole: at a list that is walked through or indexed, a function's argument, a condition, an object
that a multi-select is built on (whether it is null shows).
"""

from bff.plan.expressions.grammar.parsing import Node

Paths = frozenset[tuple[str, ...]]

_ROOT: Paths = frozenset(((),))
_NOTHING: Paths = frozenset()


def static_reads(node: Node) -> Paths:
    """The paths that are read; a path stands for everything below it, `()` for the whole root.

    `orders.total > params.least` reads `("orders", "total")` and `("params", "least")`.
    """
    used: set[tuple[str, ...]] = set()
    used |= _follow(node, _ROOT, used)
    ends = {len(path) for path in used}
    return frozenset(
        path for path in used if not any(path[:end] in used for end in ends if end < len(path))
    )


def direct_path(node: Node) -> tuple[str, ...] | None:
    """The path that the node is: names with dots between, and nothing else."""
    match node.kind:
        case "field":
            return (node.value,)
        case "subexpression":
            parts = [direct_path(child) for child in node.children]
            return tuple(name for part in parts for name in part or ()) if all(parts) else None
        case _:
            return None


def _follow(node: Node, current: Paths, used: set[tuple[str, ...]]) -> Paths:
    """Where the node's value lies, given where the current value does. What it uses beyond that
    goes to `used`; the place of a value that is made, and lies nowhere, is nothing."""

    def use(part: Node, at: Paths = current) -> None:
        used.update(_follow(part, at, used))

    match node.kind:
        case "field":
            return frozenset((*path, node.value) for path in current)
        case "current" | "identity":
            return current
        case "literal":
            return _NOTHING
        case "subexpression" | "pipe" | "index_expression":
            for child in node.children:
                current = _follow(child, current, used)
            return current
        case "index" | "slice":
            used.update(current)
            return _NOTHING
        case "or_expression" | "and_expression":
            *tested, last = (_follow(child, current, used) for child in node.children)
            used.update(*tested)
            return last.union(*tested)
        case "projection" | "value_projection" | "filter_projection":
            base, *applied = node.children
            use(base)
            for part in applied:
                use(part, _NOTHING)  # sees elements alone, which are read with their list
            return _NOTHING
        case "expref":
            use(node.children[0], _NOTHING)
            return _NOTHING
        case "multi_select_list" | "multi_select_dict":
            used.update(current - _ROOT)  # the root is never null
    for child in node.children:
        use(child)
    return _NOTHING
