"""Screens of a small shop that use a part of its replies, and their payloads by either validation.

The shop is `upstream`, so that `tests.support.plan.engine_runs.run` runs what is compiled here.
"""

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import Composition
from tests.support.projects import write_project

SCHEMAS = """
from typing import Annotated, Literal
from pydantic import BaseModel, Field


class Address(BaseModel):
    city: str
    street: str


class Item(BaseModel):
    sku: int
    quantity: Annotated[int, Field(ge=1)]


class Order(BaseModel):
    id: int
    total: float
    status: Literal["paid", "sent"] = "paid"
    address: Address | None
    items: list[Item]


class Page(BaseModel):
    orders: list[Order]
    count: int
    following: str | None = None


class Maker(BaseModel):
    code: int
    country: str


class Product(BaseModel):
    number: int = Field(alias="no")
    title: str
    maker: Maker


class Catalog(BaseModel):
    products: list[Product]
    version: int


class Person(BaseModel):
    person_id: int
    nick: str
    tags: list[str]
"""

SERVICE = """
base: http://upstream.test
operations:
  page:
    request: GET /page
    params:
      q: {type: array, items: {type: string}, required: false}
      c: {type: string, required: false}
    returns: schemas.shop:Page
  catalog:
    request: GET /catalog
    params: {skus: {type: array, items: {type: integer}, required: false}}
    returns: schemas.shop:Catalog
  person:
    request: GET /person
    params: {n: {type: integer, required: false}}
    returns: schemas.shop:Person
  tagged:
    request: GET /tagged
    returns: schemas.shop:Catalog
    cache: {ttl: 1m, tags: ["product:${reply.products[].no}"]}
  save:
    request: POST /save
    returns: schemas.shop:Person
"""

GET = "endpoint: GET /screen\n"
PAGE = "  page: {call: upstream.page}\n"
CATALOG = "  catalog: {call: upstream.catalog}\n"
JOIN = "  - {into: page.orders.items, as: product, from: catalog.products, match: {sku: no}}\n"


def of_page(response: str) -> str:
    """A screen of the page alone."""
    return f"{GET}steps:\n{PAGE}response: {response}\n"


def joined(response: str, more: str = "") -> str:
    """A screen of the page, with the catalogue's products joined into its items."""
    return f"{GET}steps:\n{PAGE}{CATALOG}joins:\n{JOIN}{more}response: {response}\n"


@cache
def compiled(text: str, validate: str = "used") -> Composition:
    """The screen; `text` is its file, but for `validate`."""
    with tempfile.TemporaryDirectory() as folder:
        write_project(
            Path(folder),
            {"screen": f"{text}validate: {validate}\n"},
            services={"upstream": SERVICE},
            schemas={"shop": SCHEMAS},
        )
        (composition,) = compile_project(Path(folder)).compositions
    return composition


def replies() -> Mapping[str, Any]:
    """What the shop answers, by step; every field is there, and its name stands in one place."""
    item = {"sku": 1, "quantity": 2}
    address = {"city": "Graz", "street": "Am Damm"}
    order = {"id": 5, "total": 1.5, "status": "paid", "address": address, "items": [item]}
    maker = {"code": 3, "country": "AT"}
    return {
        "page": {"orders": [order], "count": 1, "following": "x"},
        "catalog": {"products": [{"no": 1, "title": "Hat", "maker": maker}], "version": 7},
        "person": {"person_id": 1, "nick": "ann", "tags": ["a"]},
    }
