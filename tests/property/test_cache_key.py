"""The cache key: every input that can reach the payload is in it, and nothing else is."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bff.cache.keys import KeyRecipe
from bff.plan.nodes import CachePolicy, Composition, Shape
from bff.plan.types import Anything

NAMES = st.text("abcdef_", min_size=1, max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=5
)
PARAMS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=5)


def composition(reads: Iterable[tuple[str, ...]], digest: str = "d1") -> Composition:
    return Composition(
        name="home",
        file="compositions/home.yaml",
        method="GET",
        path=("home",),
        path_text="/home",
        summary="",
        params=(),
        deadline_seconds=1.0,
        steps=(),
        joins=(),
        payload=Shape((), Anything(), frozenset(), frozenset()),
        views={},
        cache=CachePolicy(30.0),
        uncached_because=None,
        key_reads=frozenset(reads),
        digest=digest,
        writes=False,
    )


def reads_of(params: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [("params", name) for name in params]


def differ(one: Any, other: Any) -> bool:
    """As JSON: 1 is not 1.0, and not true."""
    return json.dumps(one) != json.dumps(other)


@given(PARAMS, st.data())
def test_another_value_of_an_input_that_is_read_is_another_key(
    params: dict[str, Any], data: st.DataObject
) -> None:
    recipe = KeyRecipe(composition(reads_of(params)))
    name = data.draw(st.sampled_from(sorted(params)))
    value = data.draw(VALUES)
    assume(differ(value, params[name]))

    assert recipe(params) != recipe({**params, name: value})


@given(PARAMS, st.data())
def test_another_value_of_an_input_that_nothing_reads_is_the_same_key(
    params: dict[str, Any], data: st.DataObject
) -> None:
    unread = data.draw(st.sampled_from(sorted(params)))
    recipe = KeyRecipe(composition(read for read in reads_of(params) if read[1] != unread))

    assert recipe(params) == recipe({**params, unread: data.draw(VALUES)})


@given(PARAMS, PARAMS)
def test_a_plan_that_reads_all_params_has_a_key_for_each_of_their_states(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    recipe = KeyRecipe(composition([("params",)]))

    assert (recipe(one) != recipe(other)) == differ(one, other)


@given(PARAMS, st.text(min_size=1), st.text(min_size=1))
def test_another_digest_of_the_plan_is_another_key(
    params: dict[str, Any], one: str, other: str
) -> None:
    assume(one != other)
    home = composition(reads_of(params), one)

    assert KeyRecipe(home)(params) != KeyRecipe(replace(home, digest=other))(params)


@given(st.lists(st.text('ab",[]\\ 1', max_size=4), min_size=2, max_size=4), st.data())
def test_the_same_characters_cut_elsewhere_are_another_key(
    values: list[str], data: st.DataObject
) -> None:
    whole = "".join(values)
    cuts = sorted(data.draw(st.integers(0, len(whole))) for _ in values[1:])
    edges = list(zip([0, *cuts], [*cuts, len(whole)], strict=True))
    others = [whole[start:end] for start, end in edges]
    assume(others != values)
    names = "abcd"[: len(values)]
    recipe = KeyRecipe(composition(("params", name) for name in names))

    assert recipe(dict(zip(names, values, strict=True))) != recipe(
        dict(zip(names, others, strict=True))
    )


@given(st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=4))
@example([(1, 11), (12, 2)])
@example([(True, None), (None, True)])
def test_values_next_to_each_other_do_not_run_together(pairs: list[tuple[Any, Any]]) -> None:
    one, other = ({f"p{at}": pair[side] for at, pair in enumerate(pairs)} for side in (0, 1))
    assume(differ(one, other))
    recipe = KeyRecipe(composition(reads_of(one)))

    assert recipe(one) != recipe(other)


ALIKE = [1, 1.0, "1", True, "true", None, "null", "", 0, 0.0, -0.0, False, [], [None], [1], ["1"]]


@pytest.mark.parametrize(("one", "other"), list(combinations(ALIKE, 2)), ids=repr)
def test_values_of_different_types_are_different_keys(one: Any, other: Any) -> None:
    recipe = KeyRecipe(composition([("params", "q")]))

    assert recipe({"q": one}) != recipe({"q": other})


def test_an_absent_param_is_the_null_that_expressions_see() -> None:
    recipe = KeyRecipe(composition([("params", "q")]))

    assert recipe({}) == recipe({"q": None})


def test_the_order_of_the_params_does_not_matter() -> None:
    recipe = KeyRecipe(composition([("params", "a"), ("params", "b")]))

    assert recipe({"a": 1, "b": 2}) == recipe({"b": 2, "a": 1}) != recipe({"a": 2, "b": 1})


def test_what_lies_below_a_param_counts_whole() -> None:
    recipe = KeyRecipe(composition([("params", "filter", "city")]))

    assert recipe({"filter": [{"city": "Bonn"}]}) != recipe({"filter": [{"city": "Kiel"}]})


@pytest.mark.parametrize("read", [("claims", "sub"), ()])
def test_a_plan_that_reads_what_no_key_holds_gets_no_recipe(read: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no cache key can hold"):
        KeyRecipe(composition([("params", "a"), read]))
