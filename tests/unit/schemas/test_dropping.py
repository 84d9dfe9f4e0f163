"""`invalid: drop`: wrong elements are left out of the innermost list, and the rest is as ever."""

import json
from pathlib import Path
from typing import Any

import pytest

from bff.plan.schemas.library import PydanticSchema, load_schemas
from tests.support.plan.schema_parts import used

SHOP = """
import dataclasses
from datetime import date
from typing import Annotated, Any, Literal, Optional
from pydantic import BaseModel, Field, field_validator, model_validator


class Item(BaseModel, strict=True):
    id: int
    day: date | None = None
    label: tuple[str, ...] = ()


class Order(BaseModel):
    id: int
    items: list[Item]
    other: list[Item] = []


class Page(BaseModel):
    total: int
    orders: list[Order]


class Node(BaseModel):
    name: str
    nodes: "list[Node]" = []


class Few(BaseModel):
    items: Annotated[list[Item], Field(min_length=2)]


class Own(BaseModel):
    items: list[Item]

    @model_validator(mode="after")
    def check(self):
        if not self.items:
            raise KeyError("none")
        return self


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: list[int]


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[int]


class Loose(BaseModel):
    lives: list[int] = []


class Other(BaseModel):
    tricks: list[int] = []


class Pets(BaseModel):
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]


class Choice(BaseModel):
    either: list[int] | list[str]
    nodes: list[Node] | int = 0


class Box(BaseModel):
    node: Node
    either: Node | list[Node]
"""


@pytest.fixture(scope="module")
def resolve(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("project")
    (folder / "schemas").mkdir()
    (folder / "schemas/shop.py").write_text(SHOP, encoding="utf-8")
    library = load_schemas(folder)

    def resolved(name: str) -> PydanticSchema:
        reference = name if "[" in name or name == "Any" else f"schemas.shop:{name}"
        return library.resolve(reference.replace("@", "schemas.shop:")).dropping()

    return resolved


OK, BAD = {"id": 1, "day": "2026-01-02", "label": ["a"]}, {"id": "1"}


def order(*items: Any, **more: Any) -> Any:
    return {"id": 7, "items": [*items], **more}


DROPPED = {
    "of the whole": ("list[@Item]", [OK, BAD, 3, OK], [OK, OK], 2),
    "every element": ("list[@Item]", [BAD, BAD], [], 2),
    "of the inner list alone": (
        "Page", {"total": 1, "orders": [order(OK, BAD)]},
        {"total": 1, "orders": [order(OK, other=[])]}, 1,
    ),
    "of the outer list, for what lies outside of the inner one": (
        "Page", {"total": 1, "orders": [order(OK, other=[]), {"id": "x", "items": [BAD]}]},
        {"total": 1, "orders": [order(OK, other=[])]}, 2,
    ),
    "of two lists of one object": (
        "Order", order(BAD, other=[BAD, OK]), order(other=[OK]), 2,
    ),
    "of lists in dicts and behind nulls": (
        "dict[str, list[@Item] | None]", {"a": [BAD], "b": None}, {"a": [], "b": None}, 1,
    ),
    "at any depth of a type that holds itself": (
        "Node", {"name": "a", "nodes": [{"name": "b", "nodes": [{"name": 1}]}, {"nodes": []}]},
        {"name": "a", "nodes": [{"name": "b", "nodes": []}]}, 2,
    ),
    "of a list of tagged members": (
        "Pets", {"pets": [{"kind": "cat", "lives": [1, "x"]}, {"kind": "cow"}]},
        {"pets": [{"kind": "cat", "lives": [1]}]}, 2,
    ),
    "what the author's own code refuses, with any exception": (
        "list[@Own]", [{"items": [OK]}, {"items": [BAD]}], [{"items": [OK]}], 2,
    ),
    "not within a union, but around it": (
        "list[@Choice]", [{"either": ["a"]}, {"either": [1, {}]}],
        [{"either": ["a"], "nodes": 0}], 1,
    ),
    "not within a union, though the same type is elsewhere": (
        "list[@Box]",
        [
            {"node": {"name": "a", "nodes": [1]}, "either": {"name": "b"}},
            {"node": {"name": "a"}, "either": {"name": "b", "nodes": [1]}},
        ],
        [{"node": {"name": "a", "nodes": []}, "either": {"name": "b", "nodes": []}}], 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "kept", "count"), DROPPED.values(), ids=DROPPED.keys())
def test_wrong_elements_are_left_out_and_counted(
    name: str, sent: Any, kept: Any, count: int, resolve: Any
) -> None:
    schema = resolve(name)
    read, text, dropped = schema.read_sound(json.dumps(sent).encode(), json=True, text=True)
    assert read == json.loads(text) == with_defaults(kept, read)
    assert dropped.elements == count
    assert dropped.detail


def with_defaults(kept: Any, read: Any) -> Any:
    """What is kept, where fields that it doesn't name are as they were read."""
    match kept, read:
        case dict(), dict():
            return read | {name: with_defaults(kept[name], read.get(name)) for name in kept}
        case list(), list() if len(kept) == len(read):
            return [with_defaults(*each) for each in zip(kept, read, strict=True)]
        case _:
            return kept


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Page", {"total": "x", "orders": []}),
        ("Page", {"total": 1, "orders": 3}),
        ("Few", {"items": [OK, BAD]}),
        ("list[@Item]", {"id": 1}),
        ("Choice", {"either": [1, {}]}),
        ("Own", {"items": [BAD]}),
    ],
)
def test_what_is_wrong_outside_of_lists_is_refused(name: str, sent: Any, resolve: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        resolve(name).read_sound(json.dumps(sent).encode(), json=True, text=True)


def test_what_is_no_json_is_refused(resolve: Any) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        resolve("list[@Item]").read_sound(b"[1, ", json=True, text=True)


def test_text_of_very_many_values_is_refused_in_short_time(resolve: Any) -> None:
    """4 MiB of wrong elements held the event loop for 1.8 s."""
    body = b"[" + b"1," * 500_000 + b"1]"
    assert len(resolve("list[int]").read_sound(body, json=True, text=False)[0]) == 500_001
    with pytest.raises(ValueError, match="of over 500000 values"):
        resolve("list[@Item]").read_sound(b"[1," + body[1:], json=True, text=True)


def test_sound_lists_lack_nothing(resolve: Any) -> None:
    body = json.dumps([OK]).encode()
    assert resolve("list[@Item]").read_sound(body, json=True, text=False) == ([OK], None, None)


def test_element_that_is_wrong_where_nobody_looks_is_kept(resolve: Any) -> None:
    narrowed = resolve("list[@Order]").narrowed(used("id"))
    body = b'[{"id": 1, "items": 3}, {"id": "x"}]'
    read, _, dropped = narrowed.read_sound(body, json=True, text=False)
    assert (read, dropped.elements) == ([{"id": 1}], 1)


@pytest.mark.parametrize("name", ["Item", "dict[str, int]", "set[int]", "list[int] | list[str]"])
def test_type_without_such_a_list_has_nothing_to_leave_out(name: str, resolve: Any) -> None:
    assert not resolve(name).drops
