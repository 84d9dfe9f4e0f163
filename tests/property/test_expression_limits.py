"""However long or deep an expression is, it is refused as syntax or goes through every stage."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, parse_expression
from bff.plan.expressions.grammar.reads import static_reads
from bff.plan.expressions.types.inference import infer
from bff.plan.types import kinds as t
from tests.support.examples import examples

FRAGMENTS = [
    "a", "(", ")", "(a || ", "(a && ", " || a", " && a", " | a", ".a", "[0]", "[1:]", "[*]", "[]",
    ".*", "[?a]", "[?a == ", "]", "!", "&", "{a: ", "}", "[a, ", "not_null(", "map(&", ", a", "`1`",
    " == a", " < a", "'x'", "@", "$", " + a", " * (", "-", "a ? ", " : a", "let $x = a in ", "$x",
    "[*].[$, ", "map(&[$x, ", " // 2", "get(", ".length(@)",
]  # fmt: skip
repeated = st.builds(str.__mul__, st.sampled_from(FRAGMENTS), st.sampled_from([1, 2, 30, 70, 999]))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(repeated, min_size=1, max_size=6).map("".join))
@example("(" * 60 + "a" + " || a" * 900 + ")" * 60)
@example("a" + " && a" * 999)
@example("a[?" * 20 + "a" + " || !a" * 900 + "]" * 20)
@example("(a || " * 60 + "a" + ")" * 60)
@example("!" * 60 + "a")
@example("-" * 60 + "a")
@example("a" + " + a" * 60)
@example("a ? (" * 30 + "a" + ") : a" * 30)
@example("let $x = a in " * 60 + "[$x, $]")
@example("a" + "[*].[$, @" * 30 + "]" * 30)
@example("let $x = a in a" + "[?@ == $x || (a" * 25 + ")]" * 25)
@example("a" + " | {x: @, y: @}" * 900 + " || a")
@example("let $x = {x: a} in " + "let $x = a ? [$x] : {y: $x, z: $x} in " * 50 + "[$x, $x == a]")
@example("let $x = a in " + "let $x = zip([$x], [$x]) in " * 50 + "[$x, $x == a]")
@example("map(&" * 30 + "$.a" + ", a)" * 30)
def test_no_expression_exhausts_the_stack(source: str) -> None:
    try:
        node = parse_expression(source)
    except ExpressionSyntaxError:
        return
    static_reads(node)
    _, problems = infer(node, t.ObjectOf((("a", t.Field(t.ANYTHING)),)))
    if problems:
        return
    evaluate = compile_node(node)
    value: Any = {"a": [{"a": None}, "x", 0]}
    try:
        evaluate(value)
    except EvaluationError:
        return
