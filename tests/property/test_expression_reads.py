"""An expression's value hangs on what `static_reads` names, and on nothing else."""

import copy
import json
from typing import Any

from hypothesis import assume, event, example, given, settings

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, Node, parse_expression
from bff.plan.expressions.grammar.reads import static_reads
from tests.support.examples import examples
from tests.support.generated.expressions import expressions, json_objects


@settings(max_examples=examples(600), deadline=None)
@given(expressions(), json_objects(), json_objects())
@example("a.{x: b}", {"a": None}, {"a": {"b": None}})
@example("a.[b]", {"a": {}}, {"a": None})
@example("(a || b).c", {"a": {}, "b": {"c": 1}}, {"a": {"c": 2}, "b": {"c": 1}})
@example("a[*].b", {"a": [{"b": 1}]}, {"a": [{"b": 2}]})
@example("sort_by(a, &b)[0].c", {"a": [{"b": 1, "c": 1}]}, {"a": [{"b": 1, "c": 2}]})
def test_changing_what_is_not_read_never_changes_the_value(
    source: str, root: dict[str, Any], other: dict[str, Any]
) -> None:
    try:
        node = parse_expression(source)
    except ExpressionSyntaxError:
        assume(False)
    reads = static_reads(node)
    changed = copy.deepcopy(other)
    for path in reads:
        if not path:
            changed = root
            break
        _graft(changed, root, path)
    event("all is read" if () in reads else "some is read" if reads else "nothing is read")
    assert _outcome(node, changed) == _outcome(node, root)


def _graft(target: dict[str, Any], source: Any, path: tuple[str, ...]) -> None:
    """Make `target` the same as `source` at `path`, and change as little else as possible."""
    name, *rest = path
    wanted = source.get(name) if isinstance(source, dict) else None
    if not rest:
        target[name] = copy.deepcopy(wanted)
        return
    if not isinstance(target.get(name), dict):
        if _at(wanted, rest) is None:
            return  # whatever stands there has no such field either
        target[name] = {}
    _graft(target[name], wanted, tuple(rest))


def _at(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _outcome(node: Node, root: Any) -> str:
    try:
        return json.dumps(compile_node(node)(root))
    except EvaluationError:
        return "refused"
