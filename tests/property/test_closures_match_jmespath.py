"""Compiled expressions are held to a library of JMESPath Community: same value, or both refuse."""

import json
from typing import Any

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, parse_expression
from tests.support.examples import examples
from tests.support.generated.expressions import (
    expressions,
    json_objects,
    json_values,
    search_with_library,
    slices_an_element,
)

_REFUSED = "refused"


@settings(max_examples=examples(1000), deadline=None)
@given(expressions(), json_objects() | json_values())
@example("a[?b == `1`]", {"a": [{"b": True}, {"b": 1}, {"b": 1.0}]})
@example("contains(a, `1`)", {"a": [True]})
@example("!a", {"a": 0})
@example("a || b", {"a": 0, "b": 1})
@example("a < b", {"a": 1, "b": "x"})
@example("a < b", {"a": True, "b": 1})
@example("a == b", {"a": [0], "b": [False]})
@example("a[*].b", {"a": ["text", {"b": 0}, None, {"b": None}, [1]]})
@example("{a: a, a: b}", {"a": 1, "b": 2})
@example("max_by(a, &b)", {"a": [{"b": 1}, {"b": "x"}]})
@example("a.{x: b}", {"a": "text"})
@example("a[?abs(@)]", {"a": [None]})
@example("a[?abs(b)].b", {"a": [{"b": None}]})
@example("sort_by(a, &b)", {"a": [{"b": 1, "n": 1}, {"b": 0, "n": 2}, {"b": 1, "n": 3}]})
def test_a_closure_gives_what_the_library_gives_or_both_refuse(source: str, data: Any) -> None:
    try:
        tree = parse_expression(source)
    except ExpressionSyntaxError:
        assume(False)
    assume(not slices_an_element(tree))
    closure = compile_node(tree)
    try:
        theirs = search_with_library(source, data)
    except Exception:
        theirs = _REFUSED
    before = json.dumps(data)
    try:
        ours = closure(data)
    except EvaluationError:
        ours = _REFUSED
    event("refused" if ours is _REFUSED else "null" if ours is None else "a value")
    assert _exactly(ours) == _exactly(theirs)
    assert json.dumps(data) == before


@settings(max_examples=examples(200), deadline=None)
@given(expressions(), st.lists(json_objects(), min_size=2, max_size=3))
def test_a_closure_keeps_nothing_from_one_evaluation_to_the_next(
    source: str, roots: list[Any]
) -> None:
    node = _parsed(source)
    closure = compile_node(node)
    assert [_outcome(closure, root) for root in roots] == [
        _outcome(compile_node(node), root) for root in roots
    ]


def _parsed(source: str) -> Any:
    try:
        return parse_expression(source)
    except ExpressionSyntaxError:
        assume(False)


def _outcome(closure: Any, root: Any) -> str:
    try:
        return _exactly(closure(root))
    except EvaluationError as error:
        return str(error)


def _exactly(value: Any) -> str:
    """Tells 1, 1.0 and true apart, which Python's equality does not; and the order of keys."""
    return json.dumps(value)
