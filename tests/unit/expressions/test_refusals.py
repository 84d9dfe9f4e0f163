"""How each function refuses null and wrong kinds of values."""

import pytest

from bff.errors import EvaluationError
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.closures.functions.table import FUNCTIONS
from bff.plan.expressions.grammar.parsing import parse_expression
from tests.support.generated.expressions import FUNCTIONS_ROOT as ROOT

NUMBERS = "an array of numbers"
COMPARABLE = "an array of numbers or an array of strings"
PAIRS = "argument 1 must be an array of pairs [string, value]"
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
    ("find_first(nothing, 'a')", "find_first(): argument 1 must be a string, not null"),
    ("find_first('a', `1`)", "find_first(): argument 2 must be a string, not number"),
    ("find_first('a', 'a', '1')", "find_first(): argument 3 must be a number, not string"),
    ("find_first('a', 'a', 1.5)",
     "find_first(): argument 3 must be a whole number, not one with a fraction"),
    ("find_last(nothing, 'a')", "find_last(): argument 1 must be a string, not null"),
    ("find_last('a', 'a', 0, 0.5)",
     "find_last(): argument 4 must be a whole number, not one with a fraction"),
    ("from_items(nothing)", "from_items(): argument 1 must be an array, not null"),
    ("from_items([secret])",
     f"from_items(): {PAIRS}, not one with string"),
    ("from_items([[secret]])",
     f"from_items(): {PAIRS}, not one with other lists"),
    ("from_items([[`1`, secret]])",
     f"from_items(): {PAIRS}, not one with other lists"),
    ("get(nothing, 'a')", "get(): argument 1 must be an object, not null"),
    ("get(words, 'a')", "get(): argument 1 must be an object, not array"),
    ("get(object, 1)", "get(): argument 2 must be a string, not number"),
    ("get(object, nothing)", "get(): argument 2 must be a string, not null"),
    ("group_by(nothing, &k)", "group_by(): argument 1 must be an array, not null"),
    ("group_by(rows, &k)",
     "group_by(): argument 2 must give strings, or null, as keys, not number"),
    ("index_by(nothing, &k)", "index_by(): argument 1 must be an array, not null"),
    ("index_by(rows, &x)", "index_by(): argument 2 must give strings as keys, not null"),
    ("index_by(rows, &k)", "index_by(): argument 2 must give strings as keys, not number"),
    ("items(words)", "items(): argument 1 must be an object, not array"),
    ("lower(nothing)", "lower(): argument 1 must be a string, not null"),
    ("pad_left(nothing, 1)", "pad_left(): argument 1 must be a string, not null"),
    ("pad_left('a', '1')", "pad_left(): argument 2 must be a number, not string"),
    ("pad_left('a', 1.5)",
     "pad_left(): argument 2 must be a whole number, not one with a fraction"),
    ("pad_left('a', -1)", "pad_left(): argument 2 must be 0 or more, not less"),
    ("pad_left('a', 1, secret)", "pad_left(): argument 3 must be one character, not several"),
    ("pad_right('a', 1, '')", "pad_right(): argument 3 must be one character, not none"),
    ("pad_right('a', 1, nothing)", "pad_right(): argument 3 must be a string, not null"),
    ("replace(nothing, 'a', 'b')", "replace(): argument 1 must be a string, not null"),
    ("replace('a', 'a', `1`)", "replace(): argument 3 must be a string, not number"),
    ("replace('a', 'a', 'b', -1)", "replace(): argument 4 must be 0 or more, not less"),
    ("replace('a', 'a', 'b', 0.3)",
     "replace(): argument 4 must be a whole number, not one with a fraction"),
    ("round(nothing)", "round(): argument 1 must be a number, not null"),
    ("round(1, '2')", "round(): argument 2 must be a number, not string"),
    ("round(1.5, 0.5)", "round(): argument 2 must be a whole number, not one with a fraction"),
    ("round(`1e300`)", "round(): the result is too big for a number"),
    ("round(`1.7e308`, -308)", "round(): the result is too big for a number"),
    (f"round(to_number('{'9' * 1000}'), -1)", "round(): argument 1 must be a number, not null"),
    ("ceil(`1e300`)", "ceil(): the result is too big for a number"),
    ("floor(`-1e300`)", "floor(): the result is too big for a number"),
    ("split(nothing, ',')", "split(): argument 1 must be a string, not null"),
    ("split('a', words)", "split(): argument 2 must be a string, not array"),
    ("split('a', ',', -1)", "split(): argument 3 must be 0 or more, not less"),
    ("trim(nothing)", "trim(): argument 1 must be a string, not null"),
    ("trim('a', `1`)", "trim(): argument 2 must be a string, not number"),
    ("trim_left(words)", "trim_left(): argument 1 must be a string, not array"),
    ("trim_right(nothing)", "trim_right(): argument 1 must be a string, not null"),
    ("unique(nothing)", "unique(): argument 1 must be an array, not null"),
    ("upper(`1`)", "upper(): argument 1 must be a string, not number"),
    ("zip(words, nothing)", "zip(): argument 2 must be an array, not null"),
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

NEVER_REFUSE = {"not_null", "to_array", "to_integer", "to_number", "to_string", "type"}


@pytest.mark.parametrize(("source", "said"), REFUSES, ids=[source[:50] for source, _ in REFUSES])
def test_a_refusal_names_function_argument_and_kinds_but_never_the_value(
    source: str, said: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        compile_node(parse_expression(source))(ROOT)
    assert str(caught.value) == said
    assert "s3cret" not in str(caught.value)


def test_every_function_that_may_refuse_stands_here() -> None:
    refusing = {said.split("(")[0] for _, said in REFUSES}
    assert refusing == set(FUNCTIONS) - NEVER_REFUSE
