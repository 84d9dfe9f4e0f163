"""The functions: what each gives, and how it refuses null and wrong kinds of values."""

from typing import Any

import pytest

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.closures.functions import FUNCTIONS
from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.expressions.types.functions import SIGNATURES

ROOT = {
    "secret": "s3cret",
    "words": ["pear", "fig"],
    "rows": [{"k": 2, "s": "b"}, {"k": 1, "s": "a"}, {"k": 2, "s": "c"}],
    "object": {"b": 1, "a": None},
}

GIVES: list[tuple[str, Any]] = [
    ("abs(`-2.5`)", 2.5),
    ("abs(`-2`)", 2),
    ("avg(`[1, 2]`)", 1.5),
    ("avg(`[]`)", None),
    ("ceil(`1.2`)", 2),
    ("ceil(`2`)", 2),
    ("contains('abc', 'b')", True),
    ("contains('abc', '')", True),
    ("contains(words, 'fig')", True),
    ("contains(words, nothing)", False),
    ("contains(`[]`, `1`)", False),
    ("ends_with('abc', 'bc')", True),
    ("ends_with('abc', '')", True),
    ("floor(`-1.2`)", -2),
    ("join(', ', words)", "pear, fig"),
    ("join(', ', `[]`)", ""),
    ("keys(object)", ["b", "a"]),
    ("keys(`{}`)", []),
    ("length('héé')", 3),
    ("length(words)", 2),
    ("length(object)", 2),
    ("length('')", 0),
    ("map(&k, rows)", [2, 1, 2]),
    ("map(&x, rows)", [None, None, None]),
    ("map(&k, `[]`)", []),
    ("max(`[1, 2.5, 2]`)", 2.5),
    ("max(words)", "pear"),
    ("max(`[]`)", None),
    ("max_by(rows, &k)", {"k": 2, "s": "b"}),
    ("max_by(rows, &s).s", "c"),
    ("max_by(`[]`, &k)", None),
    ('merge(object, `{"a": 2, "c": 3}`)', {"b": 1, "a": 2, "c": 3}),
    ("merge(`{}`)", {}),
    ("min(`[1, 0.5]`)", 0.5),
    ("min(words)", "fig"),
    ("min(`[]`)", None),
    ("min_by(rows, &k).s", "a"),
    ("min_by(`[]`, &k)", None),
    ("not_null(nothing, `0`, `1`)", 0),
    ("not_null(nothing)", None),
    ("reverse('abc')", "cba"),
    ("reverse(words)", ["fig", "pear"]),
    ("reverse(`[]`)", []),
    ("sort(`[2, 1.5, 3]`)", [1.5, 2, 3]),
    ("sort(words)", ["fig", "pear"]),
    ("sort(`[]`)", []),
    ("sort_by(rows, &k)[].s", ["a", "b", "c"]),
    ("sort_by(rows, &s)[].k", [1, 2, 2]),
    ("sort_by(`[]`, &k)", []),
    ("starts_with('abc', 'ab')", True),
    ("starts_with('abc', 'b')", False),
    ("sum(`[1, 2.5]`)", 3.5),
    ("sum(`[]`)", 0),
    ("to_array('a')", ["a"]),
    ("to_array(words)", ["pear", "fig"]),
    ("to_array(nothing)", [None]),
    ("to_number('12')", 12),
    ("to_number('-0.5')", -0.5),
    ("to_number(`7`)", 7),
    ("to_number('')", None),
    ("to_number('x')", None),
    ("to_number(nothing)", None),
    ("to_number(`true`)", None),
    ("to_number(words)", None),
    ("to_number('nan')", None),
    ("to_number('1e999')", None),
    (f"to_number('{'1' * 4301}')", None),
    ("to_string('a')", "a"),
    ("to_string(`1.5`)", "1.5"),
    ("to_string(`true`)", "true"),
    ("to_string(nothing)", "null"),
    ("to_string(object)", '{"b":1,"a":null}'),
    ("type(nothing)", "null"),
    ("type(`true`)", "boolean"),
    ("type(`1`)", "number"),
    ("type(`1.5`)", "number"),
    ("type('')", "string"),
    ("type(words)", "array"),
    ("type(object)", "object"),
    ("values(object)", [1, None]),
    ("values(`{}`)", []),
]

NUMBERS = "an array of numbers"
COMPARABLE = "an array of numbers or an array of strings"
KEYS = "argument 2 must give numbers alone, or strings alone, as keys"

REFUSES: list[tuple[str, str]] = [
    ("abs(nothing)", "abs(): argument 1 must be a number, not null"),
    ("abs(`true`)", "abs(): argument 1 must be a number, not boolean"),
    ("avg(nothing)", f"avg(): argument 1 must be {NUMBERS}, not null"),
    ("avg(words)", f"avg(): argument 1 must be {NUMBERS}, not an array of string"),
    ("ceil(secret)", "ceil(): argument 1 must be a number, not string"),
    ("ceil(nothing)", "ceil(): argument 1 must be a number, not null"),
    ("contains(nothing, 'a')", "contains(): argument 1 must be an array or a string, not null"),
    ("contains(object, 'a')", "contains(): argument 1 must be an array or a string, not object"),
    ("contains(secret, nothing)",
     "contains(): argument 2 must be a string, as argument 1 is one, not null"),
    ("ends_with(nothing, 'a')", "ends_with(): argument 1 must be a string, not null"),
    ("ends_with(secret, `1`)", "ends_with(): argument 2 must be a string, not number"),
    ("floor(nothing)", "floor(): argument 1 must be a number, not null"),
    ("floor(words)", "floor(): argument 1 must be a number, not array"),
    ("join(nothing, words)", "join(): argument 1 must be a string, not null"),
    ("join('', nothing)", "join(): argument 2 must be an array of strings, not null"),
    ("join('', [secret, nothing, `1`])",
     "join(): argument 2 must be an array of strings, not an array of null and number and string"),
    ("keys(nothing)", "keys(): argument 1 must be an object, not null"),
    ("keys(words)", "keys(): argument 1 must be an object, not array"),
    ("length(nothing)", "length(): argument 1 must be a string, an array or an object, not null"),
    ("length(`1`)", "length(): argument 1 must be a string, an array or an object, not number"),
    ("map(&k, nothing)", "map(): argument 2 must be an array, not null"),
    ("map(&abs(s), rows)", "abs(): argument 1 must be a number, not string"),
    ("max(nothing)", f"max(): argument 1 must be {COMPARABLE}, not null"),
    ("max([secret, `1`])",
     f"max(): argument 1 must be {COMPARABLE}, not an array of number and string"),
    ("max(`[true]`)", f"max(): argument 1 must be {COMPARABLE}, not an array of boolean"),
    ("max_by(nothing, &k)", "max_by(): argument 1 must be an array, not null"),
    ("max_by(rows, &x)", f"max_by(): {KEYS}, not null"),
    ("max_by(`[{\"k\": 1}, {\"k\": \"a\"}]`, &k)", f"max_by(): {KEYS}, not number and string"),
    ("merge(nothing)", "merge(): argument 1 must be an object, not null"),
    ("merge(object, nothing)", "merge(): argument 2 must be an object, not null"),
    ("merge(object, words)", "merge(): argument 2 must be an object, not array"),
    ("min(nothing)", f"min(): argument 1 must be {COMPARABLE}, not null"),
    ("min(rows)", f"min(): argument 1 must be {COMPARABLE}, not an array of object"),
    ("min_by(secret, &k)", "min_by(): argument 1 must be an array, not string"),
    ("min_by(rows, &x)", f"min_by(): {KEYS}, not null"),
    ("reverse(nothing)", "reverse(): argument 1 must be an array or a string, not null"),
    ("reverse(object)", "reverse(): argument 1 must be an array or a string, not object"),
    ("sort(nothing)", f"sort(): argument 1 must be {COMPARABLE}, not null"),
    ("sort([nothing])", f"sort(): argument 1 must be {COMPARABLE}, not an array of null"),
    ("sort_by(nothing, &k)", "sort_by(): argument 1 must be an array, not null"),
    ("sort_by(rows, &x)", f"sort_by(): {KEYS}, not null"),
    ("starts_with(nothing, 'a')", "starts_with(): argument 1 must be a string, not null"),
    ("starts_with(secret, nothing)", "starts_with(): argument 2 must be a string, not null"),
    ("sum(nothing)", f"sum(): argument 1 must be {NUMBERS}, not null"),
    ("sum(`[1, true]`)",
     f"sum(): argument 1 must be {NUMBERS}, not an array of boolean and number"),
    ("sum(`[1e308, 1e308]`)", "sum(): the result is too big for a number"),
    ("avg(`[1e308, 1e308]`)", "avg(): the result is too big for a number"),
    (f"sum(`[1{'0' * 400}, 0.5]`)", "sum(): the result is too big for a number"),
    ("values(nothing)", "values(): argument 1 must be an object, not null"),
    ("values(secret)", "values(): argument 1 must be an object, not string"),
]  # fmt: skip

NEVER_REFUSE = {"not_null", "to_array", "to_number", "to_string", "type"}


@pytest.mark.parametrize(("source", "value"), GIVES, ids=[source for source, _ in GIVES])
def test_a_function_gives_its_value(source: str, value: Any) -> None:
    found = compile_node(parse_expression(source))(ROOT)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("source", "said"), REFUSES, ids=[source[:50] for source, _ in REFUSES])
def test_a_refusal_names_function_argument_and_kinds_but_never_the_value(
    source: str, said: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        compile_node(parse_expression(source))(ROOT)
    assert str(caught.value) == said
    assert "s3cret" not in str(caught.value)


def test_every_function_stands_in_both_tables() -> None:
    assert set(SIGNATURES) == set(FUNCTIONS)
    assert {source.split("(")[0] for source, _ in GIVES} == set(FUNCTIONS)
    refusing = {said.split("(")[0] for _, said in REFUSES}
    assert refusing == set(FUNCTIONS) - NEVER_REFUSE
