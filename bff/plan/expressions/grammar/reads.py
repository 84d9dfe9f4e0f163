"""The paths of names that an expression reads from the root, by its tree alone.

The cache key and the order of steps depend on them, so they may be too many and never too few: no
change outside of these paths changes the expression's value. A path stops where its value is used
whole: at a list that is walked through or indexed, a function's argument, a condition, an object
that stands before `.[…]`, `.{…}` or a function (whether it is null shows).
"""

from collections.abc import Mapping

from bff.plan.expressions.grammar.nodes import Node

Paths = frozenset[tuple[str, ...]]

_ROOT: Paths = frozenset(((),))
_NOTHING: Paths = frozenset()


def static_reads(node: Node) -> Paths:
    """The paths that are read; a path stands for everything below it, `()` for the whole root.

    `orders.total > params.least` reads `("orders", "total")` and `("params", "least")`.
    """
    used: set[tuple[str, ...]] = set()
    used |= _Walk(used).follow(node, _ROOT, {})
    ends = {len(path) for path in used}
    return frozenset(
        path for path in used if not any(path[:end] in used for end in ends if end < len(path))
    )


def direct_path(node: Node) -> tuple[str, ...] | None:
    """The path that the node is: names with dots between, perhaps behind `$`, and nothing else."""
    first, *others = node.children if node.kind == "subexpression" else (node,)
    names = others if first.kind == "root" else [first, *others]
    if not names or any(each.kind != "field" for each in names):
        return None
    return tuple(each.value for each in names)


class _Walk:
    def __init__(self, used: set[tuple[str, ...]]) -> None:
        self.used = used

    def follow(self, node: Node, current: Paths, variables: Mapping[str, Paths]) -> Paths:
        """Where the node's value lies, given where the current value and those of variables do.
        What it uses beyond that goes to `used`; the place of a value that is made, and lies
        nowhere, is nothing."""

        def of(part: Node, at: Paths = current) -> Paths:
            return self.follow(part, at, variables)

        match node.kind:
            case "field":
                return frozenset((*path, node.value) for path in current)
            case "current" | "identity":
                return current
            case "root":
                return _ROOT
            case "variable":
                return variables[node.value]
            case "literal":
                return _NOTHING
            case "subexpression" | "pipe" | "index_expression":
                for child in node.children:
                    current = of(child, current)
                return current
            case "index" | "slice":
                self.used |= current
                return _NOTHING
            case "unless_null":
                self.used |= current - _ROOT  # whether it is null shows; the root is never null
                return of(node.children[0])
            case "or_expression" | "and_expression":
                *tested, last = map(of, node.children)
                self.used.update(*tested)
                return last.union(*tested)
            case "ternary":
                condition, then, otherwise = map(of, node.children)
                self.used |= condition
                return then | otherwise
            case "let_expression":
                *bindings, body = node.children
                bound = {each.value: of(each.children[0]) for each in bindings}
                return self.follow(body, current, {**variables, **bound})
            case "projection" | "value_projection" | "filter_projection":
                base, *applied = node.children
                self.used |= of(base)
                for part in applied:
                    self.used |= of(part, _NOTHING)  # elements are read with their list
                return _NOTHING
            case "expref":
                self.used |= of(node.children[0], _NOTHING)
                return _NOTHING
        for child in node.children:
            self.used |= of(child)
        return _NOTHING
