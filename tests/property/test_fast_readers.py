"""A fast reader takes only what pydantic takes, and gives the same value for it."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bff.plan.schemas.fast_readers import compile_fast_reader
from bff.plan.schemas.validators import strict_validator
from tests.support.examples import examples
from tests.support.generated.json_texts import draw_body, draw_plain_body, draw_type

RANDOM = st.randoms(use_true_random=True)  # from a seed, which is told when a test fails


def adapter_of(random: Random, *, plain: bool = False) -> TypeAdapter[Any]:
    while True:
        annotation = draw_type(random, plain=plain)
        try:
            return TypeAdapter(annotation)
        except Exception:  # no type for pydantic either: there is nobody to ask
            continue


def by_pydantic(adapter: TypeAdapter[Any], body: bytes) -> tuple[Any, bytes]:
    value = strict_validator(adapter.core_schema).validate_json(body)
    return (
        adapter.serializer.to_python(value, mode="json", by_alias=True, warnings=False),
        adapter.serializer.to_json(value, by_alias=True, warnings=False),
    )


@settings(max_examples=examples(500), deadline=None)
@given(RANDOM)
def test_what_a_fast_reader_takes_pydantic_takes_with_the_same_value(random: Random) -> None:
    adapter = adapter_of(random)
    fast_reader = compile_fast_reader(adapter.core_schema)
    if fast_reader is None:
        return
    for _ in range(10):
        body = draw_body(random, adapter.core_schema)
        read = fast_reader.read(body, json=True, text=True)
        if read is None:
            continue
        note(f"{body!r} of {adapter.core_schema}")
        value, text = by_pydantic(adapter, body)
        assert read[1] is not None
        # Texts of them, so that 1 differs from 1.0 and true, and the order of keys counts
        assert repr(read[0]) == repr(value)
        assert repr(json.loads(read[1])) == repr(json.loads(text))


@settings(max_examples=examples(150), deadline=None)
@given(RANDOM)
def test_fast_reader_of_a_plain_type_takes_what_is_spelled_as_usual(random: Random) -> None:
    adapter = adapter_of(random, plain=True)
    fast_reader = compile_fast_reader(adapter.core_schema)
    assert fast_reader is not None
    for _ in range(5):
        body = draw_plain_body(random, adapter.core_schema)
        if fast_reader.read(body, json=True, text=True) is None:
            note(f"{body!r} of {adapter.core_schema}")
            with pytest.raises(ValidationError):
                by_pydantic(adapter, body)
