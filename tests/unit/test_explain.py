"""`bff plan`'s text: a screen is understood from it without its files."""

from pathlib import Path

import pytest
import trustme

from bff.plan.compiler.project import compile_project
from bff.plan.explain.composition import explain
from tests.support.projects import SHOP_SERVICE, write_project

HEAD = """
endpoint: GET /screens/{user_id}
params:
  user_id: {type: integer}
  name: {in: query, type: string, default: Zoë}
steps:
"""

USER = """
  user:
    call: shop.get_user
    with: {id: '${params.user_id}'}
"""

ORDERS = """
  orders:
    call: shop.list_orders
    with: {user_id: '${params.user_id}'}
"""

PRODUCTS = """
  products:
    call: shop.list_products
    with: {ids: '${orders.orders[].items[].product_id}'}
    batch: {over: ids, size: 50, max: 500, select: products}
    on_failure: optional
"""

JOIN = """
joins:
  - into: orders.orders.items
    as: product
    from: products
    match: {product_id: id}
"""


def explained(folder: Path, *parts: str, service: str = SHOP_SERVICE) -> str:
    """The text of the composition that `parts` are the file of."""
    text = "\n".join(part.strip("\n") for part in parts)
    write_project(folder, {"screen": text}, services={"shop": service})
    project = compile_project(folder)
    (composition,) = project.compositions
    return explain(composition, project.services)


def below(text: str, heading: str) -> list[str]:
    """The lines below a line that is `heading`, as far as they are indented, less that indent."""
    lines = text.splitlines()
    start = lines.index(heading)
    depth = len(heading) - len(heading.lstrip())
    inner = []
    for line in lines[start + 1 :]:
        if len(line) - len(line.lstrip()) <= depth:
            break
        inner.append(line[depth + 2 :])
    return inner


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


def critical_path(text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith("critical path: "))
    return line.removeprefix("critical path: ")


def test_deadline_that_cuts_the_critical_path_is_shown_beside_what_its_timeouts_allow(
    tmp_path: Path,
) -> None:
    text = explained(tmp_path, "deadline: 800ms", HEAD, USER, ORDERS, PRODUCTS)
    assert critical_path(text) == (
        "orders → products: 4 s by its timeouts, cut off by the deadline of 800 ms"
    )


def test_critical_path_within_the_deadline_says_so(tmp_path: Path) -> None:
    text = explained(tmp_path, "deadline: 4s", HEAD, USER, ORDERS, PRODUCTS)
    assert (
        critical_path(text) == "orders → products: 4 s by its timeouts, within the deadline of 4 s"
    )


def test_critical_path_counts_the_rounds_of_an_iteration(tmp_path: Path) -> None:
    each = """
  each:
    call: shop.get_user
    for_each: {over: "${orders.orders[].id}", as: order, concurrency: 4, max: 9}
    with: {id: "${order}"}
    timeout: 100ms
"""
    text = explained(tmp_path, HEAD, USER, ORDERS, each)
    assert critical_path(text) == "orders → each: 2.3 s by its timeouts, within the deadline of 5 s"


def test_text_beyond_ascii_is_shown_as_it_is(tmp_path: Path) -> None:
    assert below(explained(tmp_path, HEAD, USER), "params")[1] == (
        'name (query): string, default "Zoë"'
    )


def test_step_of_whose_replies_some_is_left_out_shows_what_is_validated(tmp_path: Path) -> None:
    response = "validate: used\nresponse: {user: '${user}', ids: '${orders.orders[].id}'}\n"
    text = explained(tmp_path, HEAD, USER, ORDERS, response)
    shown = [line.strip() for line in text.splitlines() if "validates only" in line]
    assert shown == ["validates only: {orders: list[{id: integer}]}"]


def test_what_is_declared_of_a_services_connections_is_shown_without_secrets(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    keys = "tls: {ca: ca.pem}\nproxy: 'http://me:${secret.PW}@proxy:3128'\ncompression: on"
    service = SHOP_SERVICE.replace("base: http://127.0.0.1:9", f"base: https://shop.test\n{keys}")
    text = explained(tmp_path, HEAD, USER, service=service)
    assert below(text, "services") == [
        "shop: TLS by an authority of its own; by the proxy http://proxy:3128, with credentials;"
        " replies to steps compressed"
    ]
    assert "secret" not in text


def test_services_that_declare_nothing_of_their_own_are_not_listed(tmp_path: Path) -> None:
    assert "services" not in explained(tmp_path, HEAD, USER).splitlines()


def test_names_on_the_wire_and_bodies_are_shown(tmp_path: Path) -> None:
    text = explained(
        tmp_path,
        """
endpoint: POST /pay
params:
  ids: {in: query, type: array, items: {type: integer}, name: "ids[]", style: pipe}
  tenant: {in: header, type: string, name: X-Tenant, required: false}
  note: {in: form, type: string}
steps:
  paid:
    call: shop.pay
    with: {note: "${params.note}", ids: "${params.ids}"}
  put:
    call: shop.put
    with: {all: "${params.note}"}
""",
        service=f"""{SHOP_SERVICE}
  pay:
    request: POST /pay?api-version=2
    params:
      ids: {{in: query, type: array, items: {{type: integer}}, name: "id"}}
      note: {{in: form, type: string}}
    returns: schemas.shop:Order
  put:
    request: PUT /note
    params: {{all: {{in: body, whole: true, type: string}}}}
    returns: schemas.shop:Order
""",
    )
    assert below(text, "params") == [
        "ids (query as ids[] by pipe): list[integer], required",
        "tenant (header as x-tenant): string | null, optional",
        "note (form): string, required",
        "body: application/x-www-form-urlencoded",
    ]
    assert "request: POST /pay?api-version=2, application/x-www-form-urlencoded" in text
    assert "ids as id: ${params.ids}" in text
    assert "request: PUT /note, text/plain; charset=utf-8" in text
    assert "all as a whole: ${params.note}" in text


def test_pages_and_optional_parts_are_shown_and_their_calls_counted(tmp_path: Path) -> None:
    service = (
        SHOP_SERVICE
        + """  slice:
    request: GET /slice
    params: {after: {type: integer, required: false}, page: {type: integer, required: false}}
    returns: schemas.shop:ProductPage
"""
    )
    bounds = "items: '${reply.products}', max_pages: 4, max_items: 50"
    steps = f"""
steps:
  a:
    call: shop.slice
    paginate: {{by: cursor, param: after, next: '${{reply.products[-1].id}}', {bounds}}}
  b: {{call: shop.slice, paginate: {{by: page, param: page, {bounds}, truncate: true}}}}
  c: {{call: shop.slice, paginate: {{by: offset, param: after, size: 9, {bounds}}}}}
  d: {{call: shop.slice, timeout: 1s, paginate: {{by: link, {bounds}}}}}
  g: {{call: shop.slice, paginate: {{by: link, next: '${{reply.products[0].title}}', {bounds}}}}}
  e:
    call: shop.get_user
    for_each: {{over: '${{a[].id}}', as: id, max: 9, on_failure: optional}}
    with: {{id: '${{id}}'}}
  f:
    call: shop.list_products
    with: {{ids: '${{a[].id}}'}}
    batch: {{over: ids, size: 3, max: 9, select: products, on_failure: optional}}
"""
    text = explained(tmp_path, "endpoint: GET /screen", steps, service=service)
    shown = "items in ${reply.products}, at most 4 pages and 50 items"
    assert [line.strip() for line in text.splitlines() if "pages: " in line] == [
        f"pages: by the cursor after, from ${{reply.products[-1].id}}, {shown}, more fails",
        f"pages: by the number page, from 1 on, {shown}, more is cut off",
        f"pages: by the offset after, 9 a page, {shown}, more fails",
        f"pages: by the link to the next, {shown}, more fails",
        f"pages: by the link from ${{reply.products[0].title}}, {shown}, more fails",
    ]
    calls = [line.strip() for line in text.splitlines() if line.strip().startswith("calls: ")]
    assert [line.split()[3].rstrip(",") for line in calls] == ["4", "5", "5", "4", "4", "9", "3"]
    assert "upstream calls: at most 34, 6 one after the other" in text
    assert "for each: id in ${a[].id}, 8 at once, at most 9, a failed one is null" in text
    assert "at most 9, select products, what a failed call would add is missing" in text
    assert "critical path: a → e: 12 s by its timeouts" in text


def test_budget_stands_beside_the_calls(tmp_path: Path) -> None:
    text = explained(tmp_path, HEAD, USER, "budget: {calls: 9, depth: 2}")
    assert "upstream calls: at most 1 of 9, 1 of 2 one after the other" in text
