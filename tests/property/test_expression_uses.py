"""An expression's value hangs on what `uses_of` names of the objects that it reads, and no more."""

import json
from typing import Any

from hypothesis import assume, event, example, given, settings

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, Node, parse_expression
from bff.plan.expressions.types.uses import uses_of
from bff.plan.model.expressions import Part, part_of
from bff.plan.types.algebra import type_of_value
from tests.support.examples import examples
from tests.support.generated.expressions import expressions, json_objects


@settings(max_examples=examples(500), deadline=None)
@given(expressions(), json_objects(), json_objects())
@example("a[*].b", {"a": [{"b": 1, "c": 1}]}, {"a": [{"b": 2, "c": 2}]})
@example("a[].{x: b.c}", {"a": [{"b": {"c": 1, "a": 2}}]}, {})
@example("a[?b].c", {"a": [{"b": {"c": 1}, "c": 1}]}, {})
@example("a[?b > `1`] | [0].c", {"a": [{"b": 2, "c": 1}, {"b": 1}]}, {"b": 7, "c": 8})
@example("a[][].b", {"a": [[{"b": 1}], {"b": 2, "c": 3}]}, {})
@example("(a || b)[].c", {"a": {}, "b": [{"c": 1}]}, {"c": 2})
@example("a && 'x'", {"a": {"b": 1}}, {})
@example("!a", {"a": {"b": 1}}, {})
@example("a.*.b", {"a": {"c": {"b": 1}}}, {})
@example("sort_by(a, &b)[0].c", {"a": [{"b": 2, "c": 1, "id": 1}, {"b": 1, "c": 2}]}, {"id": 2})
@example("max_by(a, &b).c", {"a": [{"b": 2, "c": 1, "id": 1}, {"b": 1, "c": 2}]}, {"c": 7})
@example("map(&b.c, a)", {"a": [{"b": {"c": 1, "id": 2}}]}, {})
@example("map(&'x', a)", {"a": [{"b": 1}]}, {})
@example("a.[`1`]", {"a": {"b": 1}}, {})
@example("not_null(a.b, a.c).id", {"a": {"b": None, "c": {"id": 1, "a": 2}}}, {"b": 1})
@example("merge(a, b).c", {"a": {"c": 1}, "b": {"c": 2}}, {})
@example("to_string(a)", {"a": {"c": 1}}, {"c": 2})
@example("keys(a)", {"a": {"c": 1}}, {"c": 2})
@example("length(a)", {"a": {"c": 1, "b": 2}}, {})
@example("length(a[])", {"a": [{"c": 1, "b": 2}]}, {})
@example("a[].length(@)", {"a": [{"c": 1, "b": 2}]}, {})
@example("a == b", {"a": {"c": 1}, "b": {"c": 1}}, {"c": 2})
@example('a == `{"c": 1}`', {"a": {"c": 1}}, {"c": 2})
@example("a != `null`", {"a": {"c": 1}}, {"c": 2})
@example("contains(a, b)", {"a": [{"c": 1}], "b": {"c": 1}}, {"c": 2})
@example("type(a)", {"a": {"c": 1}}, {"c": 2})
def test_changing_what_is_not_used_never_changes_the_value(
    source: str, root: dict[str, Any], junk: dict[str, Any]
) -> None:
    try:
        node = parse_expression(source)
    except ExpressionSyntaxError:
        assume(False)
    part = part_of(uses_of(node, type_of_value(root)).consumed())
    changed = _changed(root, part, junk)
    event("all is used" if part.is_whole else "some is changed" if changed != root else "the same")
    assert _outcome(node, changed) == _outcome(node, root)
    assert _outcome(node, _changed(root, part, {})) == _outcome(node, root)


def _changed(value: Any, part: Part, junk: dict[str, Any]) -> Any:
    """The value with all fields that aren't used gone, or as `junk` has them. What isn't empty
    doesn't become so."""
    match value:
        case list() if not part.is_whole:
            return [_changed(each, part, junk) for each in value]
        case dict() if value and not part.is_whole:
            kept = {
                name: _changed(each, part.fields[name], junk)
                for name, each in value.items()
                if name in part.fields
            }
            others = {name: each for name, each in junk.items() if name not in part.fields}
            return {**others, **kept} or {"and more": 1}
        case _:
            return value


def _outcome(node: Node, root: Any) -> str:
    try:
        return json.dumps(compile_node(node)(root))
    except EvaluationError:
        return "refused"
