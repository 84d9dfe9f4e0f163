"""Every mistake is reported at its place: `▶` in a file stands right before what is wrong."""

from pathlib import Path

import pytest

from bff.errors import Problem
from bff.plan.compiler.project import check_project
from tests.support.marks import without_mark
from tests.support.projects import HOME, SHOP_SCHEMAS, SHOP_SERVICE, write_project


def problems_of(folder: Path, **files: object) -> list[Problem]:
    return list(check_project(write_project(folder, **files)).problems)  # type: ignore[arg-type]


STEP_CASES = {
    "unknown service": (
        "user: {call: ▶shp.get_user, with: {id: 1}}",
        "steps.user.call", "unknown service 'shp'", "Did you mean 'shop'?",
    ),
    "unknown operation": (
        "user: {call: ▶shop.get_usr, with: {id: 1}}",
        "steps.user.call", "shop has no operation 'get_usr'", "Did you mean 'get_user'?",
    ),
    "unknown param": (
        "user: {call: shop.get_user, with: {id: 1, ▶ids: 2}}",
        "steps.user.with.ids", "shop.get_user has no param 'ids'", "Did you mean 'id'?",
    ),
    "param left out": (
        "user: {call: ▶shop.get_user}",
        "steps.user.call", "shop.get_user needs the param 'id'", "with: {id: …}",
    ),
    "constant out of range": (
        "user: {call: shop.get_user, with: {id: ▶0}}",
        "steps.user.with.id", "id", "",
    ),
    "wrong type": (
        "user: {call: shop.get_user, with: {id: ▶'${params.name}'}}",
        "steps.user.with.id", "does not fit the param 'id'", "",
    ),
    "unknown field": (
        """user: {call: shop.get_user, with: {id: 1}}
  orders: {call: shop.list_orders, with: {user_id: '${user.▶idd}'}}""",
        "steps.orders.with.user_id", "'idd'", "Did you mean 'id'?",
    ),
    "field by its validation name": (
        """user: {call: shop.get_user, with: {id: 1}}
  orders: {call: shop.list_orders, with: {user_id: 1}, when: '${user.▶first_name}'}""",
        "steps.orders.when", "'first_name'", "firstName",
    ),
    "unknown root": (
        "user: {call: shop.get_user, with: {id: '${▶parms.user_id}'}}",
        "steps.user.with.id", "'parms'", "Did you mean 'params'?",
    ),
    "unknown step in after": (
        "user: {call: shop.get_user, with: {id: 1}, after: ▶orders}",
        "steps.user.after[0]", "unknown step 'orders'", "",
    ),
    "steps in a circle": (
        """▶user: {call: shop.get_user, with: {id: '${orders.orders[0].id}'}}
  orders: {call: shop.list_orders, with: {user_id: '${user.id}'}}""",
        "steps.user", "steps wait for each other: user → orders → user", "",
    ),
    "fallback that does not fit": (
        "user: {call: shop.get_user, with: {id: 1}, on_failure: {fallback: ▶{id: x}}}",
        "steps.user.on_failure.fallback", "the fallback does not fit schemas.shop:User", "",
    ),
    "batch over what is not bound": (
        """products: {call: shop.list_products, with: {ids: [1]},
             batch: {over: ▶id, size: 5, max: 10, select: products}}""",
        "steps.products.batch.over", "'id' is no param bound in `with`", "Did you mean 'ids'?",
    ),
    "batch that selects no list": (
        """user: {call: shop.list_products, with: {ids: [1]},
         batch: {over: ids, size: 5, max: 10, select: ▶product}}""",
        "steps.user.batch.select", "'product'", "Did you mean 'products'?",
    ),
    "iterating over a number": (
        """user: {call: shop.get_user, with: {id: '${n}'},
         for_each: {over: ▶'${params.user_id}', as: n, max: 5}}""",
        "steps.user.for_each.over", "for_each goes over a list, and this is integer", "",
    ),
    "condition with text beside it": (
        "user: {call: shop.get_user, with: {id: 1}, when: ▶'x ${params.user_id}'}",
        "steps.user.when", "one expression stands alone here", "Keep one ${…}",
    ),
    "condition of two expressions": (
        "user: {call: shop.get_user, with: {id: 1}, when: ▶'${params.user_id}${params.user_id}'}",
        "steps.user.when", "one expression stands alone here", "Keep one ${…}",
    ),
    "iterating over a text with an expression": (
        """user: {call: shop.get_user, with: {id: '${n.id}'},
         for_each: {over: ▶'a ${params.user_id}', as: n, max: 5}}""",
        "steps.user.for_each.over", "one expression stands alone here", "Keep one ${…}",
    ),
    "broken expression": (
        "user: {call: shop.get_user, with: {id: '${params.▶}'}}",
        "steps.user.with.id", "", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STEP_CASES)
def test_mistake_in_a_step_is_reported_at_its_place(case: str, tmp_path: Path) -> None:
    steps, path, what, mend = STEP_CASES[case]
    text = f"""
endpoint: GET /home/{{user_id}}
params:
  user_id: {{type: integer}}
  name: {{in: query, type: string, required: false}}
steps:
  {steps}
"""
    text, *place = without_mark(text.lstrip())
    found = problems_of(tmp_path, compositions={"home": text})
    assert len(found) == 1, [str(each) for each in found]
    (problem,) = found
    assert [problem.place.line, problem.place.column] == place, str(problem)
    assert problem.place.file == "compositions/home.yaml"
    assert problem.path == path
    assert what in problem.what
    assert mend in f"{problem.what} {problem.mend}"


AFTER_STEPS_CASES = {
    "null among text": (
        "response: {name: 'a${▶user.last_name}'}", "response.name", "may be null", "|| ''",
    ),
    "unknown field in the response": (
        "response: {name: '${user.▶nam}'}",
        "response.name", "'nam'", "",
    ),
    "key that looks like an expression": (
        "response: {▶'${user.id}': 1}",
        "response.${user.id}", "a key is never an expression", "",
    ),
    "nullable argument": (
        "response: {name: \"${join(', ', ▶products[].title)}\"}",
        "response.name", "", "",
    ),
    "mask of a field that is not there": (
        "views: {mobile: [user.id, user.▶nam]}",
        "views.mobile[1]", "'user' has no field 'nam'", "",
    ),
    "view with a broken response": (
        "views: {mobile: {response: '${▶usr}'}}",
        "views.mobile.response", "'usr'", "Did you mean 'user'?",
    ),
    "join from what is no list": (
        "joins: [{into: orders.orders, as: user, from: ▶user, match: {id: id}}]",
        "joins[0].from", "a join takes from a list of objects", "",
    ),
    "join into a path of 21 names": (
        f"joins: [{{into: orders{'.items' * 19}.▶items, as: a, from: products, match: {{a: b}}}}]",
        "joins[0].into", "a path has at most 20 names", "Stop above",
    ),
    "join into what is not there": (
        "joins: [{into: orders.▶order, as: product, from: products, match: {id: id}}]",
        "joins[0].into", "'orders' has no field 'order'", "Did you mean 'orders'?",
    ),
    "join on a field that is not there": (
        "joins: [{into: orders.orders.items, as: product, from: products, match: {▶product: id}}]",
        "joins[0].match.product", "has no field 'product'", "product_id",
    ),
    "join on fields that never match": (
        """joins:
  - {into: orders.orders.items, as: product, from: products, match: {product_id: ▶title}}""",
        "joins[0].match.product_id", "never match", "",
    ),
    "join under a name that is taken": (
        """joins:
  - {into: orders.orders.items, as: ▶quantity, from: products, match: {product_id: id}}""",
        "joins[0].as", "has a field 'quantity' already", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", AFTER_STEPS_CASES)
def test_mistake_after_the_steps_is_reported_at_its_place(case: str, tmp_path: Path) -> None:
    rest, path, what, mend = AFTER_STEPS_CASES[case]
    text = f"""
endpoint: GET /home/{{user_id}}
params:
  user_id: {{type: integer}}
steps:
  user: {{call: shop.get_user, with: {{id: 1}}}}
  orders: {{call: shop.list_orders, with: {{user_id: 1}}}}
  products:
    call: shop.list_products
    with: {{ids: "${{orders.orders[].items[].product_id}}"}}
    batch: {{over: ids, size: 50, max: 500, select: products}}
    on_failure: optional
{rest}
"""
    text, *place = without_mark(text.lstrip())
    found = problems_of(tmp_path, compositions={"home": text})
    assert len(found) == 1, [str(each) for each in found]
    (problem,) = found
    assert [problem.place.line, problem.place.column] == place, str(problem)
    assert problem.path == path
    assert what in problem.what
    assert mend in f"{problem.what} {problem.mend}"


def test_two_compositions_with_one_endpoint_are_both_named(tmp_path: Path) -> None:
    other = (
        HOME.replace("{user_id}", "{id}")
        .replace("user_id:", "id:")
        .replace("params.user_id", "params.id")
    )
    (problem,) = problems_of(tmp_path, compositions={"a": HOME, "b": other})
    assert str(problem).startswith("compositions/b.yaml:1:11 endpoint: compositions/a.yaml")


@pytest.mark.parametrize("path", ["/healthz", "/admin/purge"])
def test_composition_on_a_path_of_the_gateways_own_is_refused(path: str, tmp_path: Path) -> None:
    text = f"endpoint: POST {path}\nsteps:\n  user: {{call: shop.get_user, with: {{id: 1}}}}\n"
    (problem,) = problems_of(tmp_path, compositions={"a": text})
    assert f"{path} is the gateway's own path" in problem.what


@pytest.mark.parametrize("path", ["/healthz", "/admin/purge"])
def test_route_on_a_path_of_the_gateways_own_is_refused(path: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, gateway=f"routes:\n  {path}: {{service: shop}}\n")
    assert str(problem).startswith(f"gateway.yaml:2:3 routes.{path}: {path} is the gateway's own")


def test_route_around_the_gateways_own_paths_is_fine(tmp_path: Path) -> None:
    gateway = "routes: {/: {service: shop}, /admin: {service: shop}}"
    assert problems_of(tmp_path, gateway=gateway) == []


def test_route_to_an_unknown_service_is_reported_in_the_gateway_file(tmp_path: Path) -> None:
    gateway = "routes:\n  /raw: {service: shp}\n"
    (problem,) = problems_of(tmp_path, gateway=gateway)
    assert str(problem).startswith("gateway.yaml:2:19 routes./raw.service: unknown service 'shp'")


def test_unknown_schema_is_reported_where_the_operation_names_it(tmp_path: Path) -> None:
    services = {"shop": SHOP_SERVICE.replace("schemas.shop:User", "schemas.shop:Usr")}
    problems = problems_of(tmp_path, services=services)
    assert [problem.place.file for problem in problems] == ["services/shop.yaml"]
    assert problems[0].path == "operations.get_user.returns"
    assert "Did you mean 'User'?" in problems[0].mend


def test_schema_module_that_fails_to_import_is_reported_with_its_line(tmp_path: Path) -> None:
    broken = SHOP_SCHEMAS.lstrip("\n") + "\nboom = 1 / 0\n"
    problems = problems_of(tmp_path, schemas={"shop": broken})
    line = broken.count("\n")
    first = next(each for each in problems if each.place.file == "schemas/shop.py")
    assert first.place.line == line
    assert "division by zero" in first.what


def test_all_problems_come_together_and_sorted(tmp_path: Path) -> None:
    bad = "endpoint: GET /b\nsteps:\n  user: {call: nope.x}\n  more: {call: shop.nope}\n"
    problems = problems_of(
        tmp_path, compositions={"b": bad, "a": "endpoint: [\n"}, gateway="colour: red\n"
    )
    assert problems == sorted(problems)
    assert [problem.place.file for problem in problems] == [
        "compositions/a.yaml",
        "compositions/b.yaml",
        "compositions/b.yaml",
        "gateway.yaml",
    ]


def test_write_composition_cannot_use_a_later_steps_value(tmp_path: Path) -> None:
    text = """
endpoint: POST /buy
steps:
  order: {call: shop.create_order, with: {user_id: '${user.id}'}}
  user: {call: shop.get_user, with: {id: 1}}
"""
    (problem,) = problems_of(tmp_path, compositions={"buy": text})
    assert "needs 'user', which runs after it" in problem.what


def test_reading_composition_cannot_call_an_operation_that_writes(tmp_path: Path) -> None:
    text, *place = without_mark("""endpoint: GET /buy
steps:
  order: {call: ▶shop.create_order, with: {user_id: 1}}
""")
    (problem,) = problems_of(tmp_path, compositions={"buy": text})
    assert [problem.place.line, problem.place.column] == place
    assert "writes" in problem.what


def test_problem_of_an_expression_is_one_readable_line_whatever_it_cites(tmp_path: Path) -> None:
    nested = "[" * 60 + "'${usr}'" + "]" * 60
    text = f"""
endpoint: GET /a
steps:
  user: {{call: shop.get_user, with: {{id: 1}}}}
response: {{"a\\nb": {nested}, c: '${{{"x" * 3000}}}'}}
"""
    first, second = problems_of(tmp_path, compositions={"a": text})
    assert first.path.startswith("response.a b[0][0]")
    assert second.path == "response.c"
    for problem in (first, second):
        assert len(str(problem)) < 1000
        assert "\n" not in str(problem)


def test_expression_whose_value_nests_without_end_is_refused(tmp_path: Path) -> None:
    source = " | ".join(["user", *["[@]"] * 900])
    text = HOME.partition("response:")[0] + f"response: {{all: '${{{source}}}'}}\n"
    (problem,) = problems_of(tmp_path, compositions={"home": text})
    assert problem.path == "response.all"
    assert problem.what == "the value would be nested too deeply"
