"""Joins: `match`, `key`, `many`, `missing`, and where they come from."""

from tests.unit.broken import Broken, broken_composition

RATES = """  rates:
    request: GET /rates
    returns: dict[str, schemas.shop:Product]
"""


def broken_join(join: str, message: str) -> Broken:
    """A join over the orders, the products and the rates by currency."""
    return broken_composition(
        f"""
endpoint: GET /screen
steps:
  orders: {{call: shop.list_orders, with: {{user_id: 1}}}}
  products: {{call: shop.list_products, with: {{ids: [1]}}}}
  rates: {{call: shop.rates}}
  user: {{call: shop.get_user, with: {{id: 1}}}}
joins:
  - {join}
""",
        f"joins[0]{message}",
        RATES,
    )


ROWS = {
    "neither match nor key": broken_join(
        "▶{into: orders.orders, as: x, from: products.products}",
        ": a join without `match` or `key`. Say which fields are equal: match: {user_id: id}; or,"
        " of an object keyed by id, the field that has the key: key: user_id.",
    ),
    "both match and key": broken_join(
        "{into: orders.orders, as: x, from: rates, match: {id: id}, ▶key: id}",
        ".key: `match` and `key` are one too many. `match` is for a list of objects, `key` for an"
        " object keyed by id.",
    ),
    "many beside key": broken_join(
        "{into: orders.orders, as: x, from: rates, key: id, ▶many: true}",
        ".many: `many` beside `key`: an object has one value under each key. Leave `many` out; the"
        " value may be a list.",
    ),
    "missing null beside many": broken_join(
        "{into: orders.orders, as: x, from: products.products, match: {id: id}, many: true,"
        " ▶missing: null}",
        ".missing: `missing: null` beside `many`: without a match the list is empty. Leave it out,"
        " or write drop.",
    ),
    "missing that is a text": broken_join(
        "{into: orders.orders, as: x, from: products.products, match: {id: id}, missing: ▶omit}",
        ".missing: where there is no match, the field is null or the object is dropped. Write null"
        " without quotes, or drop.",
    ),
    "drop of a single object": broken_join(
        "{into: user, as: x, from: products.products, match: {id: id}, missing: ▶drop}",
        ".missing: 'user' is a single object, which can't be dropped. Leave `missing` out: without"
        " a match the field is null.",
    ),
    "list for a key": broken_join(
        "{into: orders.orders, as: x, from: ▶products.products, key: id}",
        ".from: `key` looks up in an object keyed by id, and this is list[Product]. For a list,"
        " write match: {id: …} instead of `key`.",
    ),
    "object for a match": broken_join(
        "{into: orders.orders, as: x, from: ▶rates, match: {id: id}}",
        ".from: a join takes from a list of objects, and this is object. For an object keyed by"
        " id, write key: id instead of `match`.",
    ),
    "key that is not there": broken_join(
        "{into: orders.orders, as: x, from: rates, key: ▶idd}",
        ".key: what the join goes into has no field 'idd'. Known: id, items, total. Did you mean"
        " 'id'?",
    ),
    "key that is a list": broken_join(
        "{into: orders.orders, as: x, from: rates, key: ▶items}",
        ".key: list[Item] is no key of an object. Keys are texts; an integer stands for its"
        " digits.",
    ),
    "key that is a fraction": broken_join(
        "{into: orders.orders, as: x, from: rates, key: ▶total}",
        ".key: number is no key of an object. Keys are texts; an integer stands for its digits.",
    ),
    "more beside an expression": broken_join(
        "{into: orders.orders, as: x, from: ▶'${products.products} all', match: {id: id}}",
        ".from: one expression stands alone here, and this has more beside it. Keep one ${…}; to"
        " join or compare, write it within: ${a == 'x'}.",
    ),
}
