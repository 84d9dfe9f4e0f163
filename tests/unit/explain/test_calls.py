"""`bff plan`'s text of what is sent, how often and for how long."""

from pathlib import Path

import trustme

from tests.support.plan.plan_texts import HEAD, ORDERS, PRODUCTS, USER, below, explained
from tests.support.projects import SHOP_SERVICE


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


def test_what_replies_are_and_which_post_reads_is_shown(tmp_path: Path) -> None:
    service = f"""{SHOP_SERVICE}
  find: {{request: POST /find, reads: true, returns: "list[schemas.shop:Product]", invalid: drop}}
  rows:
    request: GET /rows/{{path}}
    params: {{path: {{type: string, slash: true}}}}
    returns: list[schemas.shop:Product]
    decode: csv
    delimiter: "|"
  lines: {{request: GET /lines, returns: "list[schemas.shop:Product]", decode: ndjson}}
  ping: {{request: GET /ping, returns: none}}
"""
    steps = """
endpoint: GET /screen
steps:
  found: {call: shop.find}
  rows: {call: shop.rows, with: {path: a/b}}
  lines: {call: shop.lines}
  ping: {call: shop.ping}
"""
    text = explained(tmp_path, steps, service=service)
    found = below(text, "  found: shop.find, a POST that reads")
    assert "elements of lists that break their type are left out" in found
    rows = below(text, "  rows: shop.rows")
    assert 'path with its slashes: "a/b"' in [line.strip() for line in rows]
    assert 'replies: csv, with "|" between cells' in rows
    assert "replies: ndjson" in below(text, "  lines: shop.lines")
    assert "replies: nobody reads their bodies" in below(text, "  ping: shop.ping")
    assert text.count("replies: ") == 3
