"""A pruned schema takes what the whole one does, gives the same of what is used, adds nothing."""

import json
from random import Random
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from bff.plan.model.expressions import Part
from bff.plan.schemas.pruning import prune
from bff.plan.schemas.readers import SchemaReader
from bff.plan.types import kinds as t
from tests.support.examples import examples
from tests.support.generated.json_texts import draw_body, draw_type

RANDOM = st.randoms(use_true_random=True)  # from a seed, which is told when a test fails
NAMES = ["a", "b", "class", "id", "x_y", "f1", "é", "a-b", "", "f0"]


@settings(max_examples=examples(250), deadline=None)
@given(RANDOM)
def test_pruned_schema_gives_what_the_whole_one_does_of_what_is_used(random: Random) -> None:
    adapter, schema, part = drawn(random)
    whole = SchemaReader(adapter.core_schema, t.ANYTHING)
    pruned = SchemaReader(schema, t.ANYTHING)
    for _ in range(10):
        body = draw_body(random, adapter.core_schema)
        try:
            value, text = whole.read(body, json=True, text=True)
        except ValueError:
            continue
        note(f"{part} of {body!r} by {adapter.core_schema}")
        some, some_text = pruned.read(body, json=True, text=True)
        assert is_part_of(some, value, part)
        assert text is not None
        assert some_text is not None
        assert is_part_of(json.loads(some_text), json.loads(text), part)
        # and by pydantic alone, where the fast reader would have read it
        assert repr(pruned.to_json(pruned.validate(body))) == repr(some)


def drawn(random: Random) -> tuple[TypeAdapter[Any], Any, Part]:
    """A type, and its schema pruned to some part of it."""
    while True:
        annotation = draw_type(random, plain=random.random() < 0.3)
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        except Exception:  # no type for pydantic either
            continue
        part = draw_part(random, 3)
        schema = prune(adapter.core_schema, part)
        if schema is not None:
            return adapter, schema, part


def draw_part(random: Random, depth: int) -> Part:
    if depth == 0 or random.random() < 0.1:
        return Part(is_whole=random.random() < 0.7)
    names = random.sample(NAMES, random.randint(0, 4))
    return Part(fields={name: draw_part(random, depth - 1) for name in names})


def is_part_of(some: Any, value: Any, part: Part) -> bool:
    """Whether `some` has all of `value` that the part names, and nothing that isn't there."""
    match value:
        case list() if not part.is_whole and isinstance(some, list):
            return len(some) == len(value) and all(
                is_part_of(mine, theirs, part) for mine, theirs in zip(some, value, strict=True)
            )
        case dict() if not part.is_whole and isinstance(some, dict):
            used = [name for name in value if name in part.fields]
            return (
                bool(some) == bool(value)
                and list(some) == [name for name in value if name in some]
                and set(used) <= some.keys() <= value.keys()
                and all(is_part_of(some[name], value[name], part.fields[name]) for name in used)
                and all(repr(some[name]) == repr(value[name]) for name in some.keys() - set(used))
            )
        case _:
            return repr(some) == repr(value)  # so that 1 differs from 1.0 and true
