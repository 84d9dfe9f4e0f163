"""What a compiled join puts where, and what is in doubt of it."""

from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project, compile_project
from bff.plan.types.algebra import describe
from tests.support.projects import SHOP_SCHEMAS, SHOP_SERVICE, write_project

PRODUCT = "{id: integer, title: string, price: number}"
TYPES = {
    # a join: the type of what it puts
    "match: {product_id: id}": f"{PRODUCT} | null",
    "match: {product_id: id}, missing: null": f"{PRODUCT} | null",
    "match: {product_id: id}, missing: drop": PRODUCT,
    "match: {product_id: id}, many: true": f"list[{PRODUCT}]",
    "match: {product_id: id}, many: true, missing: drop": f"list[{PRODUCT}]",
    "from: '${maybe.products}', match: {product_id: id}, many: true, missing: drop": (
        f"list[{PRODUCT}] | null"
    ),
    "from: ' ${maybe.products} ', match: {product_id: id}, missing: drop": f"{PRODUCT} | null",
    "from: '${index_by(products.products, &to_string(id))}', key: product_id": f"{PRODUCT} | null",
    "from: rates.of, key: product_id": "number | null",
    "from: rates.of, key: product_id, missing: drop": "number",
}


@pytest.mark.parametrize("join", TYPES)
def test_join_puts_a_null_only_where_nothing_may_be_found(join: str, tmp_path: Path) -> None:
    source = "" if "from:" in join else "from: products.products, "
    schemas = f"{SHOP_SCHEMAS}\nclass Rates(BaseModel):\n    of: dict[str, float]\n"
    service = f"{SHOP_SERVICE}  rates: {{request: GET /rates, returns: 'schemas.shop:Rates'}}\n"
    text = f"""
endpoint: GET /screen
steps:
  orders: {{call: shop.list_orders, with: {{user_id: 1}}}}
  products: {{call: shop.list_products, with: {{ids: [1]}}}}
  maybe: {{call: shop.list_products, with: {{ids: [1]}}, on_failure: optional}}
  rates: {{call: shop.rates}}
joins: [{{into: orders.orders.items, as: found, {source}{join}}}]
response: ${{orders.orders[].items[]}}
"""
    write_project(tmp_path, {"screen": text}, services={"shop": service}, schemas={"shop": schemas})
    (composition,) = compile_project(tmp_path).compositions
    assert f"found: {TYPES[join]}}}" in describe(composition.payload.type)


UNIQUE = {
    # the field in the source: whether it is taken for unique
    "id": True,
    "orderId": True,
    "order_id": True,
    "ORDER_UUID": True,
    "slug": True,
    "user_id": False,
    "name": False,
}


@pytest.mark.parametrize("field", UNIQUE)
def test_one_to_one_join_on_what_may_repeat_is_a_warning(field: str, tmp_path: Path) -> None:
    schemas = (
        "from pydantic import BaseModel\n"
        "class User(BaseModel):\n  id: int\n"
        f"class Order(BaseModel):\n  {field}: int\n  other_id: int\n"
    )
    service = """
base: http://127.0.0.1:9
operations:
  users: {request: GET /users, returns: 'list[schemas.shop:User]'}
  orders: {request: GET /orders, returns: 'list[schemas.shop:Order]'}
"""
    text = f"""
endpoint: GET /screen
steps: {{users: {{call: shop.users}}, orders: {{call: shop.orders}}}}
joins:
  - {{into: users, as: a, from: orders, match: {{id: {field}}}}}
  - {{into: users, as: b, from: orders, match: {{id: {field}}}, many: true}}
"""
    write_project(tmp_path, {"screen": text}, services={"shop": service}, schemas={"shop": schemas})
    warnings = [str(each) for each in check_project(tmp_path).warnings]
    expected = [
        "compositions/screen.yaml:4:47 joins[0].match: several of the source may have the same"
        f" {field}: the first one counts. Write many: true for a list of all, or match a field that"
        " identifies one of them."
    ]
    assert warnings == ([] if UNIQUE[field] else expected)
