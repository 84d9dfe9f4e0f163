"""Small projects for tests: a working one, and changes to it."""

import textwrap
from pathlib import Path

SHOP_SCHEMAS = """
from datetime import date
from typing import Literal
from pydantic import BaseModel, Field


class User(BaseModel):
    id: int
    first_name: str = Field(serialization_alias="firstName", validation_alias="first_name")
    last_name: str | None = None
    born: date | None = None
    role: Literal["admin", "customer"] = "customer"


class Item(BaseModel):
    product_id: int
    quantity: int


class Order(BaseModel):
    id: int
    total: float
    items: list[Item]


class OrderPage(BaseModel):
    orders: list[Order]


class Product(BaseModel):
    id: int
    title: str
    price: float


class ProductPage(BaseModel):
    products: list[Product]
"""

SHOP_SERVICE = """
base: http://127.0.0.1:9
operations:
  get_user:
    request: GET /users/{id}
    params:
      id: {type: integer, minimum: 1}
    returns: schemas.shop:User
  list_orders:
    request: GET /orders
    params:
      user_id: {type: integer}
      limit: {type: integer, default: 10, maximum: 100}
    returns: schemas.shop:OrderPage
  list_products:
    request: GET /products
    params:
      ids: {type: array, items: {type: integer}, style: comma}
    returns: schemas.shop:ProductPage
  create_order:
    request: POST /orders
    params:
      user_id: {type: integer}
      note: {type: string, required: false}
    returns: schemas.shop:Order
"""

HOME = """
endpoint: GET /home/{user_id}
params:
  user_id: {type: integer, minimum: 1}
steps:
  user:
    call: shop.get_user
    with:
      id: ${params.user_id}
"""


def write_project(
    folder: Path,
    compositions: dict[str, str] | None = None,
    *,
    services: dict[str, str] | None = None,
    schemas: dict[str, str] | None = None,
    gateway: str = "",
    access: str | None = "public",
) -> Path:
    """A project's files in `folder`; what isn't given is a small shop that compiles. `access` is
    that of endpoints which state none, where `gateway` has no `defaults` of its own; None leaves
    it out."""
    gateway = textwrap.dedent(gateway).lstrip("\n")
    if access is not None and "defaults:" not in gateway:
        gateway = f"{gateway.rstrip()}\ndefaults: {{access: {access}}}\n".lstrip()
    files = {"gateway.yaml": gateway}
    for name, text in ({"home": HOME} if compositions is None else compositions).items():
        files[f"compositions/{name}.yaml"] = text
    for name, text in ({"shop": SHOP_SERVICE} if services is None else services).items():
        files[f"services/{name}.yaml"] = text
    for name, text in ({"shop": SHOP_SCHEMAS} if schemas is None else schemas).items():
        files[f"schemas/{name}.py"] = text
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return folder
