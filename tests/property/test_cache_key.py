"""The cache key: every input that can reach the payload is in it, and nothing else is."""

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bff.cache.keys import KeyRecipe
from bff.plan.model.access import Access
from bff.plan.model.caching import CachePolicy, Scope
from bff.plan.model.composition import Composition
from bff.plan.model.payload import Shape
from bff.plan.types.kinds import Anything

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


def composition(
    reads: Iterable[tuple[str, ...]], digest: str = "d1", scope: Scope = "public"
) -> Composition:
    return Composition(
        name="home",
        file="compositions/home.yaml",
        method="GET",
        path=("home",),
        path_text="/home",
        summary="",
        access=Access("public"),
        params=(),
        body=None,
        deadline_seconds=1.0,
        steps=(),
        joins=(),
        payload=Shape((), Anything(), frozenset(), frozenset()),
        views={},
        cache=CachePolicy(30.0, 10.0, 60.0),
        scope=scope,
        is_public=False,
        tags=(),
        purges=(),
        fields=None,
        key_reads=frozenset(reads),
        digest=digest,
        namespace="shop",
        writes=False,
    )


def recipe_of(
    reads: Iterable[tuple[str, ...]], digest: str = "d1"
) -> Callable[[Mapping[str, Any]], str]:
    """Of what everybody shares: the key by the params alone."""
    recipe = KeyRecipe(composition(reads, digest))
    return lambda params: recipe(params, {}, "")


def reads_of(params: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [("params", name) for name in params]


def differ(one: Any, other: Any) -> bool:
    """As JSON: 1 is not 1.0, and not true."""
    return json.dumps(one) != json.dumps(other)


@given(PARAMS, st.data())
def test_another_value_of_an_input_that_is_read_is_another_key(
    params: dict[str, Any], data: st.DataObject
) -> None:
    recipe = recipe_of(reads_of(params))
    name = data.draw(st.sampled_from(sorted(params)))
    value = data.draw(VALUES)
    assume(differ(value, params[name]))

    assert recipe(params) != recipe({**params, name: value})


@given(PARAMS, st.data())
def test_another_value_of_an_input_that_nothing_reads_is_the_same_key(
    params: dict[str, Any], data: st.DataObject
) -> None:
    unread = data.draw(st.sampled_from(sorted(params)))
    recipe = recipe_of(read for read in reads_of(params) if read[1] != unread)

    assert recipe(params) == recipe({**params, unread: data.draw(VALUES)})


@given(PARAMS, PARAMS)
def test_a_plan_that_reads_all_params_has_a_key_for_each_of_their_states(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    recipe = recipe_of([("params",)])

    assert (recipe(one) != recipe(other)) == differ(one, other)


@given(PARAMS, st.text(min_size=1), st.text(min_size=1))
def test_another_digest_of_the_plan_is_another_key(
    params: dict[str, Any], one: str, other: str
) -> None:
    assume(one != other)
    reads = reads_of(params)

    assert recipe_of(reads, one)(params) != recipe_of(reads, other)(params)


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
    recipe = recipe_of(("params", name) for name in names)

    assert recipe(dict(zip(names, values, strict=True))) != recipe(
        dict(zip(names, others, strict=True))
    )


@given(st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=4))
@example([(1, 11), (12, 2)])
@example([(True, None), (None, True)])
def test_values_next_to_each_other_do_not_run_together(pairs: list[tuple[Any, Any]]) -> None:
    one, other = ({f"p{at}": pair[side] for at, pair in enumerate(pairs)} for side in (0, 1))
    assume(differ(one, other))
    recipe = recipe_of(reads_of(one))

    assert recipe(one) != recipe(other)


ALIKE = [1, 1.0, "1", True, "true", None, "null", "", 0, 0.0, -0.0, False, [], [None], [1], ["1"]]


@pytest.mark.parametrize(("one", "other"), list(combinations(ALIKE, 2)), ids=repr)
def test_values_of_different_types_are_different_keys(one: Any, other: Any) -> None:
    recipe = recipe_of([("params", "q")])

    assert recipe({"q": one}) != recipe({"q": other})


@pytest.mark.parametrize("value", [None, "NaN", "", [], {}, 0])
def test_an_absent_param_is_no_value_and_no_null(value: Any) -> None:
    one = recipe_of([("params", "q")])
    whole = recipe_of([("params",)])

    assert one({}) != one({"q": value})
    assert whole({}) != whole({"q": value})


def test_the_order_of_the_params_does_not_matter() -> None:
    recipe = recipe_of([("params", "a"), ("params", "b")])

    assert recipe({"a": 1, "b": 2}) == recipe({"b": 2, "a": 1}) != recipe({"a": 2, "b": 1})


def test_what_lies_below_a_param_counts_whole() -> None:
    recipe = recipe_of([("params", "filter", "city")])

    assert recipe({"filter": [{"city": "Bonn"}]}) != recipe({"filter": [{"city": "Kiel"}]})


CLAIMS = st.dictionaries(NAMES, SCALARS, max_size=3)
WHO = [("params", "q"), ("claims", "sub")]


@given(SCALARS, SCALARS, st.text(max_size=5))
def test_another_value_of_a_claim_that_is_read_is_another_key(
    one: Any, other: Any, who: str
) -> None:
    assume(differ(one, other))
    recipe = KeyRecipe(composition(WHO, scope="identity"))

    assert recipe({"q": 1}, {"sub": one}, who) != recipe({"q": 1}, {"sub": other}, who)


@given(SCALARS, SCALARS)
def test_a_claim_that_nothing_reads_is_not_in_the_key(one: Any, other: Any) -> None:
    recipe = KeyRecipe(composition(WHO, scope="identity"))

    assert recipe({}, {"sub": 1, "name": one}, "w") == recipe({}, {"sub": 1, "name": other}, "w")


@given(CLAIMS, CLAIMS)
def test_a_plan_that_reads_all_claims_has_a_key_for_each_of_their_states(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    recipe = KeyRecipe(composition([("claims",)], scope="identity"))

    assert (recipe({}, one, "w") != recipe({}, other, "w")) == differ(one, other)


@given(st.text(max_size=5), st.text(max_size=5))
def test_two_callers_have_two_keys_where_the_payload_is_their_own(one: str, other: str) -> None:
    recipe = KeyRecipe(composition([("params", "q")], scope="identity"))

    assert (recipe({"q": 1}, {}, one) != recipe({"q": 1}, {}, other)) == (one != other)


@given(st.text(max_size=5), st.text(max_size=5), CLAIMS, CLAIMS)
def test_who_is_calling_is_not_in_the_key_of_what_all_share(
    one: str, other: str, claims: dict[str, Any], others: dict[str, Any]
) -> None:
    recipe = KeyRecipe(composition([("params", "q")]))

    assert recipe({"q": 1}, claims, one) == recipe({"q": 1}, others, other)


@given(SCALARS, SCALARS, SCALARS, SCALARS, st.text(max_size=3), st.text(max_size=3))
@example("a", "b", None, None, "x", "x")
@example("a", None, "b", None, "x", "x")
def test_params_claims_and_caller_do_not_run_together(
    param: Any, claim: Any, other_param: Any, other_claim: Any, who: str, other: str
) -> None:
    recipe = KeyRecipe(composition(WHO, scope="identity"))
    one = recipe({"q": param}, {"sub": claim}, who)
    two = recipe({"q": other_param}, {"sub": other_claim}, other)

    assert (one != two) == differ([param, claim, who], [other_param, other_claim, other])


def test_a_plan_in_which_claims_reach_what_all_share_gets_no_recipe() -> None:
    with pytest.raises(ValueError, match="claims reach what is shared"):
        KeyRecipe(composition([("claims", "sub")]))


@pytest.mark.parametrize("read", [("degraded",), ("user", "id"), ()])
def test_a_plan_that_reads_what_no_key_holds_gets_no_recipe(read: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no cache key can hold"):
        KeyRecipe(composition([("params", "a"), read]))
