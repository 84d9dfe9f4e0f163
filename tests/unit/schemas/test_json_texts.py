"""Texts that may be nested too deep: by their brackets, and by what fast readers skip of them."""

import json

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from bff.plan.schemas.fast_readers import compile_fast_reader
from bff.plan.schemas.json_texts import DEEPEST, count_openers, may_be_deep


def nested(levels: int) -> str:
    return '{"a":[' * (levels // 2) + "]}" * (levels // 2)


@pytest.mark.parametrize("text", ["", "1", '"[{"', nested(8), nested(50_000), "[]" * 50_000])
def test_openers_are_counted_in_strings_too(text: str) -> None:
    assert count_openers(text.encode()) == text.count("{") + text.count("[")


def test_openers_need_not_be_counted_to_the_end() -> None:
    assert 1000 < count_openers(b"[" * 1_000_000, most=1000) < 1_000_000


def test_text_of_many_brackets_is_deep_only_where_they_are_within_each_other() -> None:
    assert may_be_deep(nested(DEEPEST + 2).encode())
    assert not may_be_deep(nested(DEEPEST - 2).encode())
    assert not may_be_deep(json.dumps([[[]] for _ in range(300)]).encode())


class Item(BaseModel):
    name: str


class Box(BaseModel):
    items: list[Item]


class TaggedItem(Item):
    tags: list[str] = []


class TaggedBox(BaseModel):
    items: list[TaggedItem]


class PagedItem(Item):
    size: int | None = Field(None, alias="page[size]")


class PagedBox(BaseModel):
    items: list[PagedItem]


def box(name: str, unknown: str) -> bytes:
    """A box of 300 items of that name, and an unknown value; both as JSON texts."""
    items = ",".join([f'{{"name":{name}}}'] * 300)
    return f'{{"items":[{items}],"x":{unknown}}}'.encode()


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (Box, '"a"'),
        (Box, '"[{"'),
        (Box, r'"\u005b\u007b"'),
        (Box, r'"\u005B"'),
        (TaggedBox, '"a"'),
        (PagedBox, '"a"'),
    ],
    ids=["plain", "brackets", "escaped", "upper case", "lists by default", "name of a default"],
)
def test_fast_reader_tells_how_deep_what_it_skips_is_by_what_it_writes(
    schema: type[BaseModel], name: str, text: bool
) -> None:
    fast_reader = compile_fast_reader(TypeAdapter(schema).core_schema)
    assert fast_reader is not None
    assert fast_reader.read(box(name, "1"), json=True, text=True) is not None
    assert fast_reader.read(box(name, nested(204)), json=True, text=text) is None
