"""`bff plan`'s text: a screen is understood from it without its files."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import compile_project
from bff.plan.explain.composition import explain
from tests.support.plan.plan_texts import HEAD, JOIN, ORDERS, PRODUCTS, USER, below, explained
from tests.support.projects import SHOP_SERVICE, write_project


def test_every_binding_is_shown_a_default_that_is_sent_too_and_what_is_left_out_is_not(
    tmp_path: Path,
) -> None:
    text = explained(tmp_path, HEAD, ORDERS)
    assert below(text, "    with:") == ["user_id: ${params.user_id}", "limit: 10 (default)"]


def test_values_without_which_there_is_no_call_are_named(tmp_path: Path) -> None:
    orders = ORDERS + "    on_failure: optional\n"
    products = "  products: {call: shop.list_products, with: {ids: '${orders.orders[].id}'}}\n"
    text = explained(tmp_path, HEAD, orders, products)
    assert "    no call where: ids is empty or null\n" in text


def test_constants_are_shown_as_json_so_that_a_text_differs_from_a_number(tmp_path: Path) -> None:
    order = """
  order:
    call: shop.create_order
    with: {user_id: 7, note: '7'}
"""
    text = explained(tmp_path, HEAD.replace("GET", "POST"), order)
    assert below(text, "    with:") == ["user_id: 7", 'note: "7"']


def test_statuses_that_mean_something_else_are_shown(tmp_path: Path) -> None:
    declared = "{409: fail, 404: null, 422: {reply: 400, with: {by: '${params.user_id}', at: 7}}}"
    text = explained(tmp_path, HEAD, USER, f"    statuses: {declared}")
    assert below(text, "    statuses:") == [
        "404: null",
        "409: the composition fails",
        "422: the composition replies 400",
        "  by: integer | null, from ${params.user_id}",
        "  at: 7",
    ]


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("'${reply.error}'", "fails when: ${reply.error}"),
        ("{when: '${reply.error}', status: 404}", "fails when: ${reply.error}, as a 404"),
    ],
)
def test_replies_that_report_a_failure_are_shown(declared: str, shown: str, tmp_path: Path) -> None:
    service = SHOP_SERVICE.replace(
        "returns: schemas.shop:User\n", f"returns: schemas.shop:User\n    fail_when: {declared}\n"
    )
    write_project(tmp_path, {"home": HEAD + USER}, services={"shop": service})
    project = compile_project(tmp_path)
    text = explain(project.compositions[0], project.services)
    assert shown in below(text, "  user: shop.get_user")


def test_step_that_is_hidden_says_so(tmp_path: Path) -> None:
    text = explained(tmp_path, HEAD, USER, "    hidden: true", ORDERS)
    assert "hidden: goes out only where response names it" in below(text, "  user: shop.get_user")
    assert not any("hidden" in line for line in below(text, "  orders: shop.list_orders"))


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("fail", "the composition fails"),
        ("optional", "null, degraded"),
        ("stale", "its last good value, degraded; without one the composition fails"),
        ("{fallback: {orders: []}}", 'fallback {"orders": []}, degraded'),
    ],
)
def test_what_a_failure_comes_to_is_shown(tmp_path: Path, declared: str, shown: str) -> None:
    text = explained(tmp_path, HEAD, ORDERS, f"    on_failure: {declared}")
    assert f"on failure: {shown}" in below(text, "  orders: shop.list_orders")


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ("{latency: 300ms, availability: 99.9}", "slo: 99.9 % answered within 300 ms"),
        ("{availability: 99.95}", "slo: 99.95 % answered"),
        ("{availability: 99}", "slo: 99 % answered"),
    ],
)
def test_what_users_may_rely_on_is_shown(tmp_path: Path, declared: str, shown: str) -> None:
    assert f"  {shown}\n" in explained(tmp_path, HEAD, USER, f"slo: {declared}")


def test_step_that_waits_for_another_without_its_value_is_marked(tmp_path: Path) -> None:
    text = explained(tmp_path, HEAD, USER, ORDERS, PRODUCTS, "    after: user")
    assert "waits for: user (after), orders" in below(text, "  products: shop.list_products")


def test_expressions_over_several_lines_stand_on_one(tmp_path: Path) -> None:
    text = explained(
        tmp_path, HEAD, USER, ORDERS, """
  each:
    call: shop.get_user
    when: |-
      ${user.id >
        `3`}
    for_each:
      over: |-
        ${orders.orders[]
          .id}
      as: id
      max: 10
    with:
      id: |-
        ${[id][
          0]}
response:
  ids: |-
    ${orders.orders[]
      .id}
""",
    )  # fmt: skip
    lines = below(text, "  each: shop.get_user")
    assert "when: ${user.id > `3`}, else null" in lines
    assert "for each: id in ${orders.orders[] .id}, 8 at once, at most 10" in lines
    assert "  id: ${[id][ 0]}" in lines
    assert below(text, "  written from:") == ["ids: ${orders.orders[] .id}"]


def test_blanks_within_an_expression_on_one_line_stay(tmp_path: Path) -> None:
    text = explained(tmp_path, HEAD, USER, "response: {a: \"${join('  ', [params.name])}\"}")
    assert below(text, "  written from:") == ["a: ${join('  ', [params.name])}"]


def test_batch_shows_which_list_of_each_reply_it_takes(tmp_path: Path) -> None:
    text = explained(tmp_path, HEAD, ORDERS, PRODUCTS)
    assert "batch: over ids, 50 a call, at most 500, select products" in text


def test_joins_are_shown_in_their_order(tmp_path: Path) -> None:
    second = """
  - into: orders.orders
    as: buyer
    from: '[user]'
    match: {id: id, total: id}
  - {into: orders.orders, as: all, from: products, match: {id: id}, many: true, missing: drop}
  - {into: orders.orders, as: one, from: user, key: id}
"""
    text = explained(tmp_path, HEAD, USER, ORDERS, PRODUCTS, JOIN, second)
    assert below(text, "joins") == [
        "into orders.orders.items as product: from ${products}, match product_id = id",
        "into orders.orders as buyer: from ${[user]}, match id = id and total = id",
        "into orders.orders as all: from ${products}, match id = id, all of them, objects"
        " without one are dropped",
        "into orders.orders as one: from ${user}, under the key id",
    ]


def test_composition_without_joins_has_no_such_heading(tmp_path: Path) -> None:
    assert "joins" not in explained(tmp_path, HEAD, USER)


def test_response_is_shown_place_by_place(tmp_path: Path) -> None:
    text = explained(
        tmp_path, HEAD, USER, ORDERS, """
response:
  whole: ${user}
  name: Hello ${user.firstName}!
  nested:
    deep: {count: "${length(orders.orders)}", kind: home, empty: {}, none: null}
  list:
    - ${user.id}
    - {a: "${user.role}", b: 1}
    - [1, "${user.born}"]
""",
    )  # fmt: skip
    assert below(text, "  written from:") == [
        "whole: ${user} (spliced)",
        "name: Hello ${user.firstName}!",
        "nested:",
        "  deep:",
        "    count: ${length(orders.orders)}",
        '    kind: "home"',
        "    empty: {}",
        "    none: null",
        "list:",
        "  - ${user.id}",
        "  - a: ${user.role}",
        "    b: 1",
        "  - - 1",
        "    - ${user.born}",
    ]


@pytest.mark.parametrize(
    ("response", "shown"),
    [
        ("${orders.orders[].id}", "${orders.orders[].id}"),
        ("${user}", "${user} (spliced)"),
        ("done", '"done"'),
    ],
)
def test_response_that_is_one_value_is_shown_on_the_line(
    tmp_path: Path, response: str, shown: str
) -> None:
    text = explained(tmp_path, HEAD, USER, ORDERS, f'response: "{response}"')
    assert f"\n  written from: {shown}\n" in text


def test_view_with_a_form_of_its_own_shows_what_it_is_written_from(tmp_path: Path) -> None:
    text = explained(
        tmp_path, HEAD, USER, """
views:
  mask: [user.id]
  card:
    response:
      title: ${user.firstName}
""",
    )  # fmt: skip
    assert below(text, "view mask (mask)") == ["{user: {id: integer}}"]
    assert below(text, "view card (shape)") == [
        "{title: string}",
        "written from:",
        "  title: ${user.firstName}",
    ]
