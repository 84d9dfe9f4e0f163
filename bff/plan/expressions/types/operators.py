"""The types of comparisons and of arithmetic, and what is wrong with their operands."""

from collections.abc import Callable

from bff.plan.expressions.grammar.nodes import Node
from bff.plan.expressions.types import problems as problem
from bff.plan.expressions.types.function_results import is_integer
from bff.plan.expressions.types.problems import TypeProblem
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, disjoint, fits, nullable, union

_Report = Callable[[TypeProblem], t.Type]

_ORDERED = union(t.NUMBER, t.STRING)


def infer_comparison(node: Node, left: t.Type, right: t.Type, report: _Report) -> t.Type:
    """The type of `left < right` and the like: null where one of them may have no order."""
    if left == t.NOTHING or right == t.NOTHING:
        return t.BOOLEAN
    if node.value in ("==", "!="):
        if disjoint(left, right):
            if t.NULL not in (left, right):
                report(problem.never_equal(node, left, right))
            return t.Constant(node.value == "!=")
        if left == right and (left == t.NULL or isinstance(left, t.Constant)):
            return t.Constant(node.value == "==")
        return t.BOOLEAN
    for side in (left, right):
        if disjoint(side, _ORDERED):
            return report(problem.unordered(node, side))
    for one, other in ((left, right), (right, left)):
        if t.ANYTHING in (left, right):
            continue
        if not disjoint(one, t.STRING) and not disjoint(other, t.NUMBER):
            return report(problem.mixed_order(node, left, right))
    sure = all(
        not disjoint(each, _ORDERED) and each != t.ANYTHING
        for side in (left, right)
        for each in alternatives(side)
    )
    return t.BOOLEAN if sure else nullable(t.BOOLEAN)


def infer_arithmetic(node: Node, left: t.Type, right: t.Type, report: _Report) -> t.Type:
    """The type of `left + right` and the like: integers stay integers, but for `/`."""
    sides = (left, right)
    added = sides if node.value == "+" else ()
    for side, operand, found in zip(("left", "right"), node.children, sides, strict=True):
        if not fits(found, t.NUMBER):
            where = f"the {side} side of `{node.value}`"
            return report(problem.wrong_operand(where, operand, found, added))
    if node.value in ("/", "//", "%") and right in (t.Constant(0), t.Constant(0.0)):
        return report(TypeProblem(node.start, "a division by zero"))
    if node.value == "//":
        return t.INTEGER
    return t.INTEGER if node.value != "/" and all(map(is_integer, sides)) else t.NUMBER


def infer_sign(node: Node, found: t.Type, report: _Report) -> t.Type:
    """The type of `-number` and `+number`."""
    if fits(found, t.NUMBER):
        return t.INTEGER if is_integer(found) else t.NUMBER
    where = f"what stands after `{node.value}`"
    return report(problem.wrong_operand(where, node.children[0], found))


def mend_of_dash(node: Node) -> str:
    """How to mend `first-name`, where one name may be meant."""
    if node.kind != "arithmetic" or node.value != "-":
        return ""
    left, right = node.children
    name = left.children[-1] if left.kind == "subexpression" else left
    if name.kind != "field" or right.kind != "field" or right.start != name.end + 1:
        return ""
    return f'A name with a dash stands in double quotes: "{name.value}-{right.value}".'
