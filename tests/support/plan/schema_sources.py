"""Schema modules for tests: one of many kinds of types, and a way to write and load others."""

import textwrap
from pathlib import Path

from bff.plan.schemas.library import PydanticSchema, load_schemas

SHOP = """
from __future__ import annotations
from datetime import date
from enum import Enum
from typing import Any, Annotated
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, computed_field
from pydantic import field_serializer, field_validator
from typing_extensions import TypedDict
import dataclasses


class Level(Enum):
    LOW = 1
    HIGH = 2


class Item(BaseModel):
    product_id: int
    price: float = 0


class Order(BaseModel):
    id: int = Field(gt=0)
    placed: date
    full_name: str = Field("", validation_alias="fullName", serialization_alias="name")
    items: list[Item] = []
    prices: dict[str, float] = {}
    meta: Any = None
    later: Later | None = None

    @computed_field
    @property
    def count(self) -> int:
        return len(self.items)


class Later(BaseModel):
    at: date


class Node(BaseModel):
    value: float = 0
    children: list[Node] = []


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    id: int


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    node: Node


class OwnInit(BaseModel):
    price: float

    def __init__(self, **data: Any) -> None:
        super().__init__(**data)


class Bare(BaseModel):
    many: list = []
    few: dict = {}
    both: tuple = ()


class Angry(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def check(cls, name: str) -> str:
        if name == "exit":
            raise SystemExit
        return {"ok": "ok"}[name]


class Mute(BaseModel):
    name: str

    @field_serializer("name")
    def write(self, name: str) -> str:
        raise KeyError(name)


class Wrong(BaseModel):
    count: int = None  # type: ignore[assignment]


class Shelf(TypedDict):
    level: Level


@dataclasses.dataclass
class Point:
    x: float
    label: str = "here"


OrderId = Annotated[int, Field(gt=0)]
Orders = list["Order"]
LIMIT = 5
NAME = "Order"


def find() -> Order: ...
"""

IMPORTS = """
import collections, datetime, decimal, enum, ipaddress, pathlib, uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union
from pydantic import *
import dataclasses  # after pydantic, which has a module of that name
from typing_extensions import NotRequired, TypeAliasType, TypedDict
"""


def write(folder: Path, **modules: str) -> None:
    (folder / "schemas").mkdir(exist_ok=True)
    for name, text in modules.items():
        (folder / "schemas" / f"{name}.py").write_text(text, encoding="utf-8")


def schema_of(folder: Path, text: str, name: str = "T") -> PydanticSchema:
    """The type called `name` of a module with that text, below the usual imports."""
    write(folder, m=IMPORTS + textwrap.dedent(text))
    library = load_schemas(folder)
    assert library.problems == ()
    return library.resolve(f"schemas.m:{name}")
