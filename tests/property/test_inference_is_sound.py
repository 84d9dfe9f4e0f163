"""Where the checker finds nothing wrong, nothing goes wrong, and the type it gives is true."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.types.functions import SIGNATURES
from bff.plan.expressions.types.inference import infer
from bff.plan.expressions.types.narrowing import narrow, narrow_otherwise
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe, fits, may_be_null, nullable, union, without_null
from tests.support.examples import examples
from tests.support.generated.sound_expressions import conditions, hangs_on_values, sound_expressions
from tests.support.generated.typed_values import has_type, roots, types, types_fitting, values_of

_SETTINGS = settings(
    max_examples=examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@_SETTINGS
@given(st.data())
def test_expression_without_problems_gives_a_value_of_its_type(data: st.DataObject) -> None:
    root = data.draw(roots(), label="root")
    source = data.draw(sound_expressions(root), label="expression")
    value = data.draw(values_of(root), label="value")
    node = parse_expression(source)
    inferred, _ = infer(node, root)
    try:
        result = compile_node(node)(value)
    except EvaluationError as error:
        if hangs_on_values(error):
            return
        raise
    assert has_type(result, inferred), f"{result!r} is not {describe(inferred)}"


@pytest.mark.parametrize("function", SIGNATURES)
@settings(_SETTINGS, max_examples=examples(25))
@given(data=st.data())
def test_call_without_problems_gives_a_value_of_its_type(
    function: str, data: st.DataObject
) -> None:
    signature = SIGNATURES[function]
    takes = signature.takes * (1 + signature.repeats)
    takes = takes[: len(takes) - data.draw(st.integers(0, signature.optional))]
    wanted = {name: each for name, each in zip("wxyz", takes, strict=False) if each is not None}
    root = t.ObjectOf(
        tuple((name, t.Field(data.draw(types_fitting(each)))) for name, each in wanted.items())
    )
    key = data.draw(st.sampled_from(["&@", "&a", "&kind"]))
    arguments = ", ".join(
        key if each is None else name for name, each in zip("wxyz", takes, strict=False)
    )
    node = parse_expression(f"{function}({arguments})")
    inferred, problems = infer(node, root)
    if problems:
        return
    value = data.draw(values_of(root))
    try:
        result = compile_node(node)(value)
    except EvaluationError as error:
        if hangs_on_values(error):
            return
        raise
    assert has_type(result, inferred), f"{result!r} is not {describe(inferred)}"


@_SETTINGS
@given(st.data())
def test_expression_over_anything_gives_a_value_of_its_type_or_refuses(
    data: st.DataObject,
) -> None:
    root = data.draw(roots(gradual=True), label="root")
    source = data.draw(sound_expressions(root), label="expression")
    value = data.draw(values_of(root), label="value")
    node = parse_expression(source)
    inferred, _ = infer(node, root)
    try:
        result = compile_node(node)(value)
    except EvaluationError:
        return
    assert has_type(result, inferred), f"{result!r} is not {describe(inferred)}"


@_SETTINGS
@given(st.one_of(roots(), types()), st.data())
def test_value_that_meets_a_condition_or_fails_it_has_the_narrowed_type(
    inferred: t.Type, data: st.DataObject
) -> None:
    source = data.draw(conditions(inferred), label="condition")
    value = data.draw(values_of(inferred), label="value")
    condition = parse_expression(source)
    holds = _holds(compile_node(condition)(value))
    change = narrow if holds else narrow_otherwise
    narrowed = change(condition, {"@": inferred, "$": inferred})
    for each in narrowed.values():
        assert has_type(value, each), f"{value!r} is not {describe(each)}"


def _holds(result: object) -> bool:
    """Whether it counts as true; 0 does, though Python holds it equal to False."""
    return result is not None and result is not False and result not in ("", [], {})


@_SETTINGS
@given(types(), types(), st.data())
def test_values_of_two_types_are_values_of_their_union(
    one: t.Type, other: t.Type, data: st.DataObject
) -> None:
    both = union(one, other)
    assert has_type(data.draw(values_of(one)), both)
    assert has_type(data.draw(values_of(other)), both)
    assert fits(one, both)
    assert fits(other, both)


@_SETTINGS
@given(types(), st.data())
def test_null_is_added_and_taken_away(inferred: t.Type, data: st.DataObject) -> None:
    assert may_be_null(nullable(inferred))
    assert not may_be_null(without_null(inferred))
    if without_null(inferred) != t.NOTHING:
        value = data.draw(values_of(without_null(inferred)))
        assert value is not None
        assert has_type(value, inferred)


@_SETTINGS
@given(types(), types(), st.data())
def test_type_that_fits_another_has_only_values_that_may_stand_there(
    source: t.Type, target: t.Type, data: st.DataObject
) -> None:
    if fits(source, target) and source != t.NOTHING:
        assert _may_stand(data.draw(values_of(source)), target)


def _may_stand(value: object, target: t.Type) -> bool:
    """As `has_type`, but an object may have more fields than a closed target names."""
    return has_type(value, _opened(target, frozenset()))


def _opened(inferred: t.Type, seen: frozenset[str]) -> t.Type:
    match inferred:
        case t.Named(name):
            return t.ANYTHING if name in seen else _opened(inferred.resolve(), seen | {name})
        case t.ListOf(element):
            return t.ListOf(_opened(element, seen))
        case t.Union(members):
            return union(*(_opened(each, seen) for each in members))
        case t.ObjectOf(fields, extra):
            opened = tuple(
                (name, t.Field(_opened(field.type, seen), field.required)) for name, field in fields
            )
            return t.ObjectOf(opened, t.ANYTHING if extra is None else _opened(extra, seen))
        case _:
            return inferred
