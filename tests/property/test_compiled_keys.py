"""Keys of compiled projects: what can change a payload changes its key, and nothing else does.

Each case is a change of one thing, in the project's files or in what a request brings.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.cache.keys import KeyRecipe
from bff.plan.compiler.project import compile_project
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project

HOME = """
endpoint: GET /home/{id}
params:
  id: {type: integer, minimum: 1}
  when: {type: boolean, default: true}
  each: {type: array, items: {type: integer}, default: []}
  note: {type: string, default: a}
  tag: {type: string, default: a}
  view_only: {type: string, default: a}
  status: {type: string, default: a}
  header: {type: string, default: a}
  error: {type: string, default: a}
  unread: {type: string, default: a}
steps:
  user: {call: shop.get_user, with: {id: '${params.id}'}}
  orders: {call: shop.list_orders, with: {user_id: 1}, when: '${params.when}'}
  others:
    call: shop.get_user
    with: {id: '${n}'}
    for_each: {over: '${params.each}', as: n, max: 9}
    statuses: {409: {reply: 409, with: {by: '${params.error}'}}}
status: "${params.status == 'a' && `200` || `202`}"
headers: {X-Name: '${params.header}'}
response: {user: '${user}', orders: '${orders}', note: '${params.note}'}
views: {tv: {response: '${params.view_only}'}}
cache: {ttl: 1m, tags: ['t:${params.tag}']}
"""
# The same, kept for each caller alone, since a claim reaches it.
MINE = HOME.replace("{user_id: 1}", "{user_id: '${claims.sub}'}")

GIVEN: Mapping[str, Any] = {
    "id": 1, "when": True, "each": [1], "note": "a", "tag": "a", "view_only": "a", "status": "a",
    "header": "a", "error": "a", "unread": "a",
}  # fmt: skip


def recipe(
    folder: Path, text: str = HOME, *, service: str = SHOP_SERVICE, schemas: str = SHOP_SCHEMAS
) -> KeyRecipe:
    write_project(folder, {"home": text}, services={"shop": service}, schemas={"shop": schemas})
    (composition,) = compile_project(folder).compositions
    return KeyRecipe(composition)


@pytest.fixture(scope="module")
def recipes() -> dict[str, KeyRecipe]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        return {"shared": recipe(Path(one)), "own": recipe(Path(other), MINE)}


OTHER: Mapping[str, Any] = {
    "id": st.integers(2, 99),
    "when": st.just(False),
    "each": st.lists(st.integers(1, 9)).filter([1].__ne__),
    "note": st.text("bcd", max_size=3),
    "tag": st.text("bcd", max_size=3),
    "view_only": st.text("bcd", max_size=3),
    "status": st.text("bcd", max_size=3),
    "header": st.text("bcd", max_size=3),
    "error": st.text("bcd", max_size=3),
    "unread": st.text("bcd", max_size=3),
}


@pytest.mark.parametrize("scope", ["shared", "own"])
@given(data=st.data())
def test_param_is_in_the_key_where_it_can_reach_the_payload_its_tags_or_a_view(
    recipes: dict[str, KeyRecipe], scope: str, data: st.DataObject
) -> None:
    key = recipes[scope]
    name = data.draw(st.sampled_from(sorted(OTHER)))
    other = {**GIVEN, name: data.draw(OTHER[name])}

    assert (key(GIVEN, {"sub": 1}, "w") == key(other, {"sub": 1}, "w")) == (name == "unread")


@given(sub=st.integers() | st.none(), name=st.text(max_size=3), who=st.text(max_size=3))
def test_caller_and_read_claims_are_in_the_key_of_what_is_theirs_alone(
    recipes: dict[str, KeyRecipe], sub: Any, name: str, who: str
) -> None:
    one = (GIVEN, {"sub": 1, "name": "Ann"}, "ann")
    other = (GIVEN, {"sub": sub, "name": name}, who)

    assert recipes["shared"](*one) == recipes["shared"](*other)
    assert (recipes["own"](*one) == recipes["own"](*other)) == ((sub, who) == (1, "ann"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id: int\n    first_name", "id: str\n    first_name"),  # a type
        ('"admin", "customer"', '"admin", "customer", "guest"'),  # an enum's values
        ('serialization_alias="firstName"', 'serialization_alias="givenName"'),
        ("    born: date | None = None\n", ""),
        ('"customer"] = "customer"', '"customer"] = "admin"'),  # a default
        ("quantity: int", "quantity: int = Field(ge=0)"),  # deep in what another step returns
    ],
)
def test_change_of_a_schema_that_a_step_reads_by_is_another_key(
    tmp_path: Path, before: str, after: str
) -> None:
    assert SHOP_SCHEMAS.count(before) == 1
    old = recipe(tmp_path / "old")
    new = recipe(tmp_path / "new", schemas=SHOP_SCHEMAS.replace(before, after))

    assert old(GIVEN, {}, "") != new(GIVEN, {}, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("GET /users/{id}", "GET /people/{id}"),
        ("GET /users/{id}", "GET /users/{id}?api-version=2"),
        ("limit: {type: integer", "limit: {name: most, type: integer"),
        ("limit: {type: integer, default: 10", "limit: {type: integer, default: 11"),
    ],
)
def test_change_of_an_operation_that_is_called_is_another_key(
    tmp_path: Path, before: str, after: str
) -> None:
    assert before in SHOP_SERVICE
    old = recipe(tmp_path / "old")
    new = recipe(tmp_path / "new", service=SHOP_SERVICE.replace(before, after))

    assert old(GIVEN, {}, "") != new(GIVEN, {}, "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("when: '${params.when}'", "when: '${!(params.when)}'"),
        ("note: '${params.note}'", "text: '${params.note}'"),
        ("over: '${params.each}'", "over: '${params.each[:2]}'"),
        ("tv: {response: '${params.view_only}'}", "tv: {response: [x, '${params.view_only}']}"),
        ("'t:${params.tag}'", "'u:${params.tag}'"),
        ("{id: '${params.id}'}}", "{id: '${params.id}'}, on_failure: optional}"),
        ("{id: '${params.id}'}}", "{id: '${params.id}'}, statuses: {404: null}}"),
    ],
)
def test_change_of_the_composition_is_another_key(tmp_path: Path, before: str, after: str) -> None:
    assert before in HOME
    old = recipe(tmp_path / "old")
    new = recipe(tmp_path / "new", HOME.replace(before, after))

    assert old(GIVEN, {}, "") != new(GIVEN, {}, "")


def test_what_the_payload_does_not_depend_on_is_the_same_key(tmp_path: Path) -> None:
    old = recipe(tmp_path / "old")
    another = "POST /orders/new"  # an operation that nobody calls
    new = recipe(tmp_path / "new", service=SHOP_SERVICE.replace("POST /orders", another))

    assert old(GIVEN, {}, "") == new(GIVEN, {}, "")
