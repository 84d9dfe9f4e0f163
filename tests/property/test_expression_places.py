"""Trees with places: the library's own trees, every node at its text."""

import itertools
from typing import Any

import jmespath
from hypothesis import assume, given, settings

from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, Node, parse_expression
from tests.support.examples import examples
from tests.support.generated.expressions import expressions, slices_an_element


@settings(max_examples=examples(400), deadline=None)
@given(expressions())
def test_the_tree_is_the_librarys_and_each_node_stands_at_its_text(source: str) -> None:
    try:
        tree = parse_expression(source)
    except ExpressionSyntaxError:
        assume(False)
    assume(not slices_an_element(tree))
    assert _without_places(tree) == jmespath.compile(source).parsed
    _check_places(tree, source)


def _without_places(node: Node) -> dict[str, Any]:
    if node.kind == "slice":
        return {"type": "slice", "children": list(node.value)}
    children = [_without_places(child) for child in node.children]
    if node.kind == "unless_null":
        (inner,) = children
        return inner
    if node.kind in ("or_expression", "and_expression", "pipe"):  # to the library, always of two
        while len(children) > 2:
            children[:2] = [{"type": node.kind, "children": children[:2]}]
    tree = {"type": _THEIR_KINDS.get(node.kind, node.kind), "children": children}
    if node.value is not None or node.kind == "literal":
        is_sign = node.kind in ("comparator", "arithmetic", "sign")
        tree["value"] = _THEIR_SIGNS[node.value] if is_sign else node.value
    return tree


_THEIR_KINDS = {"binding": "assign", "sign": "arithmetic_unary", "variable": "variable_ref"}
_THEIR_SIGNS = {
    "==": "eq", "!=": "ne", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte", "+": "plus",
    "-": "minus", "*": "multiply", "/": "divide", "//": "div", "%": "modulo",
}  # fmt: skip


def _check_places(node: Node, source: str) -> None:
    text = source[node.start : node.end]
    assert 0 <= node.start <= node.end <= len(source)
    assert text == text.strip()
    match node.kind:
        case "identity":
            assert text == ""
        case "field":
            assert text in (node.value, f'"{node.value}"')
        case "literal":
            assert text[0] == text[-1]
            assert text[0] in "'`"
        case "index":
            assert int(text.strip("[] ")) == node.value
        case "function_expression":
            assert text.endswith(")")
        case _:
            assert text
    for child in node.children:
        assert node.start <= child.start <= child.end <= node.end
        _check_places(child, source)
    if node.kind != "filter_projection":  # its condition stands before what is projected
        for before, after in itertools.pairwise(node.children):
            assert before.end <= after.start or "identity" in (before.kind, after.kind)
