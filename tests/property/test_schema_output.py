"""Whatever pydantic can describe, each form that goes out is of the type that the plan says."""

import json
import re
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from bff.plan.schemas.library import PydanticSchema, UnknownSchema, load_schemas
from bff.plan.types.algebra import describe
from tests.property.test_schema_parts import draw_part
from tests.support.examples import examples
from tests.support.generated.annotations import draw_source
from tests.support.generated.typed_values import has_type
from tests.support.plan.schema_sources import IMPORTS, write

RANDOM = st.randoms(use_true_random=True)  # from a seed, which is reported when a test fails


@settings(max_examples=examples(300), deadline=None)
@given(RANDOM)
def test_every_form_that_goes_out_is_of_the_inferred_type(random: Random) -> None:
    source = draw_source(random)
    with TemporaryDirectory() as folder:
        schema = load(Path(folder), source.text)
    if schema is None:
        return
    note(f"{source.text}\n{describe(schema.type)}")
    for _ in range(5):
        body = json.dumps(source.sample(random)).encode()
        note(str(body))
        try:
            value, text = schema.read(body, json=True, text=True)
        except ValueError:  # it does not go out, then
            continue
        assert text is not None
        assert parse(text) == value
        assert has_type(value, schema.type)
        assert schema.read(body, json=True, text=False)[0] == value
        by_pydantic = schema.validate(body)
        assert has_type(parse(schema.to_bytes(by_pydantic)), schema.type)
        assert has_type(schema.to_json(by_pydantic), schema.type)
        narrowed = schema.narrowed(draw_part(random, 3))
        if narrowed is not None:
            some, some_text = narrowed.read(body, json=True, text=True)
            assert some_text is not None
            assert parse(some_text) == some
            assert has_type(some, narrowed.type)


def load(folder: Path, text: str) -> PydanticSchema | None:
    """The module's `T`; None where it is refused, which has to be for a reason in words."""
    write(folder, m=IMPORTS + text)
    library = load_schemas(folder)
    if library.problems:  # Python or pydantic refuses a class of the module
        return None
    try:
        return library.resolve("schemas.m:T")
    except UnknownSchema as error:
        refused = error
    assert not re.search(r": '[^' ]*'$", refused.what)  # a KeyError's text is no reason
    return None


def parse(text: bytes) -> Any:
    """The value of a JSON text; fails for what is not JSON."""

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)
