"""What a sender can choose to have one hash is refused before it takes a set or a dict time.

Python's hash of a number is its remainder by 2^61 - 1, and a UUID's is that of its 128 bits.
"""

import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bff.plan.schemas.hashes import MOST_OF_ONE_HASH
from bff.plan.schemas.library import PydanticSchema, UnknownSchema
from tests.support.plan.schema_sources import schema_of

P = sys.hash_info.modulus


def number(at: int) -> Any:
    return str(at * P)


def identifier(at: int) -> Any:
    return str(UUID(int=at * P))


def tuple_of(at: int) -> Any:
    return [str(at * P), "1"]


ELEMENTS = {
    "set[decimal.Decimal]": number,
    "set[int]": number,
    "set[Any]": lambda at: at * P,
    "frozenset[uuid.UUID]": identifier,
    "set[tuple[decimal.Decimal, int]]": tuple_of,
    "set[int | uuid.UUID]": identifier,
    "list[set[uuid.UUID]]": identifier,
}
KEYS = {
    "dict[int, int]": number,
    "Mapping[decimal.Decimal, int]": number,
    "dict[uuid.UUID | str, int]": identifier,
    "collections.OrderedDict[int, int]": number,
    "collections.defaultdict[int, int]": number,
    "collections.Counter[int]": number,
}


def texts(annotation: str, count: int) -> bytes:
    """A body of `count` different values."""
    if annotation in KEYS:
        body: Any = {KEYS[annotation](at): 1 for at in range(1, count + 1)}
    else:
        body = [ELEMENTS[annotation](at) for at in range(1, count + 1)]
    return json.dumps([body] if annotation.startswith("list") else body).encode()


def is_refused(schema: PydanticSchema, body: bytes) -> bool:
    try:
        schema.read(body, json=True, text=True)
    except ValueError as error:
        return "same_hash" in str(error)
    return False


@pytest.mark.parametrize("annotation", [*ELEMENTS, *KEYS])
def test_more_values_of_one_hash_than_honest_ones_have_are_refused(
    annotation: str, tmp_path: Path
) -> None:
    schema = schema_of(tmp_path, f"T = {annotation}")
    assert not is_refused(schema, texts(annotation, MOST_OF_ONE_HASH))
    assert is_refused(schema, texts(annotation, MOST_OF_ONE_HASH + 1))


@pytest.mark.parametrize("annotation", ["set[decimal.Decimal]", "dict[uuid.UUID | str, int]"])
def test_client_that_sends_values_of_one_hash_is_refused(annotation: str, tmp_path: Path) -> None:
    schema = schema_of(tmp_path, f"T = {annotation}").for_params()
    with pytest.raises(ValueError, match="same_hash"):
        schema.check(json.loads(texts(annotation, MOST_OF_ONE_HASH + 1)))


def test_one_value_in_many_sets_is_one_value(tmp_path: Path) -> None:
    schema = schema_of(tmp_path, "T = list[set[uuid.UUID]]")
    body = json.dumps([[identifier(1)]] * 1_000).encode()
    assert not is_refused(schema, body)


@pytest.mark.parametrize("kind", ["uuid.UUID", "int", "decimal.Decimal"])
def test_set_of_many_honest_values_is_read(kind: str, tmp_path: Path) -> None:
    schema = schema_of(tmp_path, f"T = set[{kind}]")
    values = [str(UUID(int=at << 64 | at)) if kind == "uuid.UUID" else at for at in range(30_000)]
    value, _ = schema.read(json.dumps(values).encode(), json=True, text=False)
    assert len(value) == 30_000


@pytest.mark.parametrize("field", ["set[uuid.UUID]", "Inner", "Inner | None", "list[Inner]"])
def test_set_that_a_class_reads_by_its_own_init_is_refused(field: str, tmp_path: Path) -> None:
    """Such a class validates by its own validator, which counts no hashes."""
    text = f"""
        class Inner(BaseModel):
            default: dict[int, str]
        class T(BaseModel):
            a: {field}
            b: Inner | None = None
            def __init__(self, **data: Any) -> None:
                super().__init__(**data)
        """
    with pytest.raises(UnknownSchema, match=r"in T, reads a set or a dict by its own __init__"):
        schema_of(tmp_path, text)


def test_texts_may_be_in_a_set_that_a_class_reads_by_its_own_init(tmp_path: Path) -> None:
    text = """
        class T(BaseModel):
            a: dict[str, set[str]]
            b: dict = {}
            def __init__(self, **data: Any) -> None:
                super().__init__(**data)
        """
    schema_of(tmp_path, text)
