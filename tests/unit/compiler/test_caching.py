"""What is declared about caching, as the plan has it: policies, replies, keys, tags, who shares."""

from pathlib import Path
from typing import Any

import pytest

from bff.plan.compiler.project import check_project, compile_project
from bff.plan.model.caching import CachePolicy
from bff.plan.model.composition import Composition
from bff.plan.model.steps import Stale, Step
from bff.plan.types.algebra import describe
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project

USER = "user: {call: shop.get_user, with: {id: '${params.id}'}"
PRODUCTS = "products: {call: shop.list_products, with: {ids: [1, 2]}"
CACHED_USERS = SHOP_SERVICE.replace(
    "    returns: schemas.shop:User\n",
    "    returns: schemas.shop:User\n    cache: {ttl: 1h, tags: ['user:${reply.id}', users]}\n",
)


def compiled(folder: Path, text: str, service: str = SHOP_SERVICE, **files: Any) -> Composition:
    write_project(folder, {"home": text}, services={"shop": service}, **files)
    (composition,) = compile_project(folder).compositions
    return composition


def reading(*lines: str, end: str = "") -> str:
    steps = "\n".join(f"  {line}" for line in lines)
    return f"endpoint: GET /home/{{id}}\nparams: {{id: {{type: integer}}}}\nsteps:\n{steps}\n{end}"


def only_step(folder: Path, line: str, service: str = SHOP_SERVICE) -> Step:
    return compiled(folder, reading(line), service).steps[0]


# ------------------------------------------------------------------------------ payloads


def test_windows_of_a_payload_are_in_the_plan(tmp_path: Path) -> None:
    said = "cache: {ttl: 30s, stale: 5m, stale_if_error: 1h}"
    assert compiled(tmp_path, reading(USER + "}", end=said)).cache == CachePolicy(30, 300, 3600)


def test_composition_that_says_nothing_is_not_cached_and_purges_nothing(tmp_path: Path) -> None:
    home = compiled(tmp_path, reading(USER + "}"))
    assert (home.cache, home.tags, home.purges, home.fields) == (None, (), (), None)


def test_tags_of_a_payload_see_the_params_and_the_steps_with_what_was_joined(
    tmp_path: Path,
) -> None:
    end = """
joins: [{into: orders.orders.items, as: product, from: products, match: {product_id: id}}]
cache:
  ttl: 1m
  tags: ["user:${params.id}", "product:${orders.orders[].items[].product.id}", home]
"""
    orders = "orders: {call: shop.list_orders, with: {user_id: '${params.id}'}}"
    batch = ", batch: {over: ids, size: 9, max: 9, select: products}}"
    tags = compiled(tmp_path, reading(orders, PRODUCTS + batch, end=end)).tags
    items = [{"product": {"id": 7}}, {"product": None}]
    root = {"params": {"id": 3}, "orders": {"orders": [{"items": items}]}}
    assert [tag.evaluate(root) for tag in tags] == [("user:3",), ("product:7",), ("home",)]


def test_step_that_tags_alone_read_gives_its_json_form(tmp_path: Path) -> None:
    end = "response: 1\ncache: {ttl: 1m, tags: ['u:${user.id}']}"
    step = compiled(tmp_path, reading(USER + "}", end=end)).steps[0]
    assert (step.needs_json, step.needs_bytes) == (True, False)


def test_step_that_purges_alone_read_gives_its_json_form(tmp_path: Path) -> None:
    text = """
endpoint: POST /orders
steps:
  order: {call: shop.create_order, with: {user_id: 1}}
response: 1
purges: ["order:${order.id}", "cart:${claims.sub}", orders]
"""
    composition = compiled(tmp_path, text)
    root = {"order": {"id": 5}, "claims": {"sub": "ann"}}
    purged = [tag.evaluate(root) for tag in composition.purges]
    assert purged == [("order:5",), ("cart:ann",), ("orders",)]
    assert composition.steps[0].needs_json
    assert composition.key_reads == frozenset()


def test_what_a_route_purges_is_in_the_plan(tmp_path: Path) -> None:
    write_project(tmp_path, gateway="routes: {/raw: {service: shop, purges: [orders, carts]}}")
    assert compile_project(tmp_path).routes[0].purges == ("orders", "carts")


def test_most_fields_are_in_the_plan(tmp_path: Path) -> None:
    fields = compiled(tmp_path, reading(USER + "}", end="fields: {max: 20}")).fields
    assert fields is not None
    assert fields.most == 20


# ------------------------------------------------------------------------------ keys

KEYS = {
    "a claim in `with`": (
        "user: {call: shop.get_user, with: {id: '${claims.sub}'}}", "", {("claims", "sub")},
    ),
    "below a claim": (
        "user: {call: shop.get_user, with: {id: '${claims.org.id}'}}", "", {("claims", "org")},
    ),
    "all claims": (
        "user: {call: shop.get_user, with: {id: '${length(claims)}'}, when: '${claims.sub}'}", "",
        {("claims",)},
    ),
    "a claim in the response": (
        USER + "}", "response: '${claims.name}'\n", {("params", "id"), ("claims", "name")},
    ),
    "a claim in a tag": (
        USER + "}", "TAGS: ['u:${claims.sub}']", {("params", "id"), ("claims", "sub")},
    ),
    "a param in a tag": (
        PRODUCTS + "}", "TAGS: ['u:${params.id}']", {("params", "id")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
def test_key_holds_the_inputs_that_reach_the_payload_or_its_tags(case: str, tmp_path: Path) -> None:
    step, end, reads = KEYS[case]
    tags = end.removeprefix("TAGS: ") if end.startswith("TAGS") else "[]"
    rest = "" if end.startswith("TAGS") else end
    text = reading(step, end=f"{rest}cache: {{ttl: 1m, tags: {tags}}}\n")
    assert compiled(tmp_path, text).key_reads == reads


# ------------------------------------------------------------------------------ who shares


@pytest.mark.parametrize(
    ("step", "cache", "scope", "is_public"),
    [
        (USER + "}", "{ttl: 1m}", "public", False),
        (USER + "}", "{ttl: 1m, scope: public}", "public", True),
        (USER + "}", "{ttl: 1m, scope: identity}", "identity", False),
        (USER + ", when: '${claims.sub}'}", "{ttl: 1m}", "identity", False),
        (USER + ", when: '${claims.sub}'}", "{ttl: 1m, scope: identity}", "identity", False),
    ],
)
def test_scope_is_the_plans_or_narrower_and_public_only_where_it_is_said(
    step: str, cache: str, scope: str, is_public: bool, tmp_path: Path
) -> None:
    home = compiled(tmp_path, reading(step, end=f"cache: {cache}"))
    assert (home.scope, home.is_public) == (scope, is_public)


def test_each_step_has_the_scope_that_reaches_it(tmp_path: Path) -> None:
    home = compiled(
        tmp_path,
        reading(
            PRODUCTS + "}",
            "user: {call: shop.get_user, with: {id: '${claims.sub}'}}",
            "orders: {call: shop.list_orders, with: {user_id: 1}, when: '${user.id}'}",
        ),
    )
    assert [step.scope for step in home.steps] == ["public", "identity", "identity"]


IDENTITY_HEADERS = (
    "Authorization", "Cookie", "X-Api-Key", "X-User-Id", "X-Session", "X-Tenant", "X-JWT-Assertion",
    "X-Customer", "X-Real-IP",
)  # fmt: skip


@pytest.mark.parametrize("header", IDENTITY_HEADERS)
def test_composition_that_forwards_an_identity_header_is_cached_for_each_caller(
    header: str, tmp_path: Path
) -> None:
    service = SHOP_SERVICE.replace(
        "id: {type: integer, minimum: 1}",
        f"id: {{type: integer}}\n      {header}: {{in: header, type: string}}",
    )
    text = f"""
endpoint: GET /me
params:
  {header}: {{in: header, type: string}}
steps:
  user: {{call: shop.get_user, with: {{id: 1, {header}: '${{params."{header}"}}'}}}}
cache: {{ttl: 1m}}
"""
    composition = compiled(tmp_path, text, service)
    assert composition.cache is not None
    assert composition.scope == "identity"
    assert composition.key_reads == {("params", header)}


def test_header_that_says_nothing_of_the_caller_is_in_the_key_of_what_everyone_shares(
    tmp_path: Path,
) -> None:
    text = """
endpoint: GET /me
params:
  Accept-Language: {in: header, type: string, required: false}
steps:
  user: {call: shop.get_user, with: {id: 1}, when: '${params."Accept-Language"}'}
cache: {ttl: 1m, scope: public}
"""
    composition = compiled(tmp_path, text)
    assert composition.is_public
    assert composition.key_reads == {("params", "Accept-Language")}


# ------------------------------------------------------------------------------ replies


def test_step_that_says_nothing_calls_each_time(tmp_path: Path) -> None:
    assert only_step(tmp_path, USER + "}").cache is None


def test_step_caches_as_its_operation_says(tmp_path: Path) -> None:
    caching = only_step(tmp_path, USER + "}", CACHED_USERS).cache
    assert caching is not None
    assert caching.policy == CachePolicy(3600, 10, 60)
    root = {"params": {"id": 3}, "reply": {"id": 4}}
    assert [tag.evaluate(root) for tag in caching.tags] == [("user:4",), ("users",)]
    assert caching.needs_json


def test_steps_own_cache_stands_in_for_the_operations_as_a_whole(tmp_path: Path) -> None:
    own = ", cache: {ttl: 5s, tags: ['u:${params.id}'], scope: identity}}"
    caching = only_step(tmp_path, USER + own, CACHED_USERS).cache
    assert caching is not None
    assert caching.policy == CachePolicy(5, 10, 60)
    assert [tag.evaluate({"params": {"id": 3}}) for tag in caching.tags] == [("u:3",)]
    assert not caching.needs_json
    assert caching.scope == "identity"


def test_batch_tags_each_reply_with_a_list_of_its_params(tmp_path: Path) -> None:
    own = ", cache: {ttl: 5s, tags: ['p:${params.ids}', 'q:${reply.products[].id}']}"
    batch = ", batch: {over: ids, size: 1, max: 9, select: products}}"
    caching = only_step(tmp_path, PRODUCTS + own + batch).cache
    assert caching is not None
    root = {"params": {"ids": [1, 2]}, "reply": {"products": [{"id": 1}]}}
    assert [tag.evaluate(root) for tag in caching.tags] == [("p:1", "p:2"), ("q:1",)]


def test_operations_cache_is_not_read_by_a_composition_that_writes(tmp_path: Path) -> None:
    text = reading(USER + "}").replace("GET", "POST")
    assert compiled(tmp_path, text, CACHED_USERS).steps[0].cache is None


def test_stale_on_failure_keeps_values_for_an_hour_for_that_alone(tmp_path: Path) -> None:
    step = only_step(tmp_path, USER + ", on_failure: stale}")
    assert step.on_failure == Stale()
    assert step.cache is not None
    assert step.cache.policy == CachePolicy(0, 0, 3600)
    assert (step.cache.tags, step.cache.needs_json) == ((), False)


def test_stale_on_failure_keeps_values_as_what_is_declared_does(tmp_path: Path) -> None:
    step = only_step(tmp_path, USER + ", on_failure: stale}", CACHED_USERS)
    assert step.cache is not None
    assert step.cache.policy == CachePolicy(3600, 10, 60)


def test_stale_on_failure_adds_no_null_to_the_steps_type(tmp_path: Path) -> None:
    step = only_step(tmp_path, USER + ", on_failure: stale}")
    assert describe(step.type).startswith("{id: integer")
    assert describe(step.type).endswith("}")


def test_operations_digest_changes_with_its_declaration_and_schema(tmp_path: Path) -> None:
    services = (SHOP_SERVICE, CACHED_USERS)
    digests = {
        compiled(tmp_path / str(index), reading(USER + "}"), service).steps[0].operation.digest
        for index, service in enumerate(services)
    }
    other = {"shop": SHOP_SCHEMAS.replace("id: int\n", "id: int = Field(gt=0)\n", 1)}
    schema = compiled(tmp_path / "schema", reading(USER + "}"), schemas=other)
    assert len({*digests, schema.steps[0].operation.digest}) == 3


@pytest.mark.parametrize("name", ["traceparent", "X-Request-ID", "X-Tenant"])
@pytest.mark.parametrize("end", ["cache: {ttl: 1m}", ""])
def test_cached_payload_that_each_request_has_a_key_of_its_own_for_is_warned_of(
    tmp_path: Path, name: str, end: str
) -> None:
    """Services get the request's id and its trace anyway."""
    service = (
        SHOP_SERVICE
        + f"""
  trace:
    request: GET /trace
    params: {{id: {{in: header, type: string, name: {name}}}}}
    returns: none
"""
    )
    text = f"""
endpoint: GET /home
params: {{id: {{in: header, type: string, name: {name}}}}}
steps: {{t: {{call: shop.trace, with: {{id: "${{params.id}}"}}}}}}
{end}
"""
    write_project(tmp_path, {"home": text}, services={"shop": service})
    checked = check_project(tmp_path)
    expected = (
        f"compositions/home.yaml:2:14 params.id: each request has a {name.lower()} of its own,"
        " so none gets what is cached. Leave it out: services get it anyway."
    )
    found = [str(each) for each in checked.warnings]
    assert (checked.problems, found) == ((), [expected] if end and name != "X-Tenant" else [])
