"""Screens over the shop, and the text that `bff plan` shows of them."""

from pathlib import Path

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
