"""Declared params become types, defaults and checks; what can't is told at its place."""

import re
from pathlib import Path
from typing import Any

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.service import ServiceFile
from bff.errors import Problem
from bff.plan.model.service import CompositionParam, OperationParam
from bff.plan.params.compile import compile_composition_params, compile_operation_params
from bff.plan.reporter import Reporter
from bff.plan.schemas.library import SchemaLibrary, load_schemas
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe, nullable, union
from tests.support.marks import without_mark

SCHEMAS = """
from datetime import date
from typing import Any
from pydantic import BaseModel, ConfigDict, Field

class Many(BaseModel):
    model_config = ConfigDict(extra="allow")
    ids: list[int]
    wide: int = Field(0, le=2**80)
    more: Any = None

class Address(BaseModel):
    street: str = Field(min_length=1)
    since: date | None = None
"""


@pytest.fixture
def schemas(tmp_path: Path) -> SchemaLibrary:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "people.py").write_text(SCHEMAS)
    return load_schemas(tmp_path)


def incoming(
    params: str, schemas: SchemaLibrary, endpoint: str = "POST /a"
) -> tuple[dict[str, CompositionParam], list[Problem]]:
    text = f"endpoint: {endpoint}\nparams: {params}\nsteps: {{a: {{call: s.o}}}}\n"
    read = read_document("compositions/a.yaml", text.encode(), CompositionFile)
    assert read.document is not None
    assert read.problems == ()
    problems: list[Problem] = []
    compiled = compile_composition_params(Reporter(read.document, problems), schemas)
    return {param.name: param for param in compiled}, problems


def outgoing(
    params: str, schemas: SchemaLibrary, request: str = "GET /a"
) -> tuple[dict[str, OperationParam], list[Problem]]:
    text = (
        f"base: http://h\noperations:\n  one:\n    request: {request}\n"
        f"    params: {params}\n    returns: a:B\n"
    )
    read = read_document("services/a.yaml", text.encode(), ServiceFile)
    assert read.document is not None
    assert read.problems == ()
    problems: list[Problem] = []
    declared = read.document.model.operations["one"]
    compiled = compile_operation_params(
        Reporter(read.document, problems), ("operations", "one"), declared, schemas
    )
    return {param.name: param for param in compiled}, problems


TYPES: dict[str, t.Type] = {
    "{type: string}": t.STRING,
    "{type: integer, default: 3}": t.INTEGER,
    "{type: number, required: false}": nullable(t.NUMBER),
    "{type: boolean}": t.BOOLEAN,
    "{type: string, format: date}": t.STRING,
    "{type: string, enum: [a, b]}": union(t.Constant("a"), t.Constant("b")),
    "{type: integer, enum: [1], required: false}": nullable(t.Constant(1)),
    "{type: array, items: {type: string, enum: [a, b]}}": t.ListOf(
        union(t.Constant("a"), t.Constant("b"))
    ),
    "{type: array, items: {type: integer}, required: false}": nullable(t.ListOf(t.INTEGER)),
}


@pytest.mark.parametrize("param", TYPES)
def test_param_has_the_type_that_expressions_see(param: str, schemas: SchemaLibrary) -> None:
    for compiled, problems in (
        incoming(f"{{q: {param}}}", schemas),
        outgoing(f"{{q: {param}}}", schemas),
    ):
        assert problems == []
        assert compiled["q"].type == TYPES[param]


def test_schema_param_has_the_schemas_type(schemas: SchemaLibrary) -> None:
    compiled, problems = incoming("{q: {schema: 'schemas.people:Address'}}", schemas)
    assert problems == []
    assert compiled["q"].type == schemas.resolve("schemas.people:Address").for_params().type


def test_params_know_where_they_are_and_how_lists_come(schemas: SchemaLibrary) -> None:
    a_list = "type: array, items: {type: integer}"
    compiled, _ = outgoing(
        f"{{p: {{{a_list}}}, q: {{{a_list}}}, c: {{{a_list}, style: comma}},"
        f" X-H: {{in: header, {a_list}}}, s: {{in: path, type: string, slash: true}}}}",
        schemas,
        "GET /{p}/{s}",
    )
    assert {
        name: (param.location, param.wire_name, param.is_list, param.style, param.slash)
        for name, param in compiled.items()
    } == {
        "p": ("path", "p", True, "comma", False),
        "q": ("query", "q", True, "repeat", False),
        "c": ("query", "c", True, "comma", False),
        "X-H": ("header", "x-h", True, "comma", False),
        "s": ("path", "s", False, "repeat", True),
    }


@pytest.mark.parametrize(
    ("param", "required", "default"),
    [
        ("{type: integer}", True, None),
        ("{type: integer, required: false}", False, None),
        ("{type: integer, default: 0}", False, 0),
        ("{type: number, default: 5}", False, 5),
        ("{type: array, items: {type: integer}, default: []}", False, []),
        ("{type: string, format: uuid, default: 0190A9F0-0000-7000-8000-00000000000A}", False,
         "0190a9f0-0000-7000-8000-00000000000a"),
    ],
)  # fmt: skip
def test_default_is_checked_and_canonical(
    param: str, required: bool, default: object, schemas: SchemaLibrary
) -> None:
    compiled, problems = incoming(f"{{q: {param}}}", schemas)
    assert problems == []
    assert (compiled["q"].required, compiled["q"].default) == (required, default)
    assert type(compiled["q"].default) is type(default)


PROBLEMS = {
    "{q: {type: integer, minimum: 1, default: ▶0}}": (
        "q.default",
        "the default must be at least 1",
    ),
    "{q: {type: integer, default: ▶x}}": ("q.default", "the default must be an integer"),
    "{q: {type: integer, default: ▶1.0}}": ("q.default", "the default must be an integer"),
    "{q: {type: string, default: ▶1}}": ("q.default", "the default must be a text"),
    "{q: {type: string, enum: [a], default: ▶b}}": ("q.default", "the default must be one of: a"),
    "{q: {type: number, default: ▶.inf}}": ("q.default", "the default must be finite"),
    "{q: {type: string, format: date, default: ▶'2024-02-30'}}": ("q.default", "must be a date"),
    "{q: {type: array, items: {type: integer}, default: ▶[1, x]}}": (
        "q.default",
        "the default has an element, number 2, that must be an integer",
    ),
    "{q: {type: string, pattern: ▶'('}}": ("q.pattern", "unclosed group"),
    "{q: {type: string, pattern: ▶'(?=x)'}}": ("q.pattern", "look-around"),
    "{q: {type: array, items: {type: string, pattern: ▶'['}}}": ("q.items.pattern", "unclosed"),
    "{q: {schema: ▶'schemas.people:Adress'}}": ("q.schema", "schemas.people has no 'Adress'"),
    "{q: {schema: 'schemas.people:Address', default: ▶{street: ''}}}": (
        "q.default",
        "the default does not have its form: street: string_too_short",
    ),
}


@pytest.mark.parametrize("marked", PROBLEMS)
def test_param_that_contradicts_itself_is_told_at_its_place(
    marked: str, schemas: SchemaLibrary
) -> None:
    path, what = PROBLEMS[marked]
    text, _, column = without_mark(marked)
    compiled, (problem,) = incoming(text, schemas)
    assert (problem.place.line, problem.place.column) == (2, column + len("params: "))
    assert problem.path == f"params.{path}"
    assert what in problem.what
    assert "q" in compiled
    _, (problem,) = outgoing(text, schemas, "POST /a")
    assert problem.path == f"operations.one.params.{path}"


CHECKS: list[tuple[str, Any, Any]] = [
    # an operation's param, what a step binds, what is sent or what is said
    ("{type: integer, minimum: 1, maximum: 9}", 5, 5),
    ("{type: integer, minimum: 1}", 0, ValueError("must be at least 1")),
    ("{type: integer, maximum: 9}", 10, ValueError("must be at most 9")),
    ("{type: integer, exclusive_minimum: 1}", 1, ValueError("must be more than 1")),
    ("{type: integer, exclusive_maximum: 1}", 1, ValueError("must be less than 1")),
    ("{type: integer, multiple_of: 5}", 7, ValueError("must be a multiple of 5")),
    ("{type: integer}", True, ValueError("must be an integer")),
    ("{type: integer}", 5.0, ValueError("must be an integer")),
    ("{type: integer}", "5", ValueError("must be an integer")),
    ("{type: integer}", None, ValueError("must be an integer")),
    ("{type: integer}", 2**63 - 1, 2**63 - 1),
    ("{type: integer}", 2**63, ValueError("must be an integer of 64 bits")),
    ("{type: integer}", -(2**63) - 1, ValueError("must be an integer of 64 bits")),
    ("{type: number}", 5, 5),
    ("{type: number}", 5.5, 5.5),
    ("{type: number, minimum: 0.5}", 0, ValueError("must be at least 0.5")),
    ("{type: number, multiple_of: 0.1}", 0.3, 0.3),
    ("{type: number}", 2**64, float(2**64)),
    ("{type: number}", 10**400, ValueError("must be finite")),
    ("{type: number}", float("nan"), ValueError("must be finite")),
    ("{type: number}", True, ValueError("must be a number")),
    ("{type: number}", "1", ValueError("must be a number")),
    ("{type: number, enum: [1, 2.5]}", 1.0, 1),
    ("{type: boolean}", False, False),
    ("{type: boolean}", 1, ValueError("must be true or false")),
    ("{type: boolean}", "true", ValueError("must be true or false")),
    ("{type: string}", "", ""),
    ("{type: string}", "a\0b", ValueError("must hold no NUL")),
    ("{type: string}", "\ud800", ValueError("must be Unicode")),
    ("{type: string, min_length: 1}", "\ud800", ValueError("must be Unicode")),
    ("{type: string}", 1, ValueError("must be a text")),
    ("{type: string, min_length: 2}", "é", ValueError("must have at least 2 characters")),
    ("{type: string, max_length: 2}", "éèê", ValueError("must have at most 2 characters")),
    ("{type: string, pattern: '^a+$'}", "aab", ValueError("must match the pattern ^a+$")),
    ("{type: string, enum: [a, b]}", "c", ValueError("must be one of: a, b")),
    ("{type: integer, enum: [1, 2]}", True, ValueError("must be an integer")),
    ("{type: string, format: date}", "2024-02-29", "2024-02-29"),
    ("{type: string, format: date}", "2023-02-29", ValueError("must be a date: 2024-12-31")),
    ("{type: string, format: date}", "20240229", ValueError("must be a date: 2024-12-31")),
    ("{type: string, format: date-time}", "2024-02-29T01:02:03.50Z", "2024-02-29T01:02:03.500000Z"),
    ("{type: string, format: date-time}", "2024-02-29T01:02:03+02:00", "2024-02-29T01:02:03+02:00"),
    ("{type: string, format: date-time}", "2024-02-29T01:02:03",
     ValueError("must be a date and time with a zone: 2024-12-31T23:59:59Z")),
    ("{type: string, format: date-time}", "1709168523",
     ValueError("must be a date and time with a zone: 2024-12-31T23:59:59Z")),
    ("{type: string, format: uuid}", "{0190a9f0-0000-7000-8000-00000000000a}",
     ValueError("must be a UUID")),
    ("{type: array, items: {type: integer}}", [1, 2], [1, 2]),
    ("{type: array, items: {type: integer}}", [], []),
    ("{type: array, items: {type: integer}}", 1, ValueError("must be a list")),
    ("{type: array, items: {type: integer}}", "1", ValueError("must be a list")),
    ("{type: array, items: {type: integer}}", [1, None],
     ValueError("has an element, number 2, that must be an integer")),
    ("{type: array, items: {type: integer}, min_items: 2}", [1],
     ValueError("must have at least 2 elements")),
    ("{type: array, items: {type: integer}, max_items: 1}", [1, 2],
     ValueError("must have at most 1 elements")),
    ("{type: array, items: {type: string}, style: comma}", ["a", "b,c"],
     ValueError("holds a comma in an element, which separates elements")),
]  # fmt: skip


@pytest.mark.parametrize(("param", "bound", "result"), CHECKS)
def test_value_that_a_step_binds_is_checked_as_declared(
    param: str, bound: object, result: object, schemas: SchemaLibrary
) -> None:
    compiled, problems = outgoing(f"{{q: {param}}}", schemas)
    assert problems == []
    check = compiled["q"].check
    if isinstance(result, ValueError):
        with pytest.raises(ValueError, match=f"^{re.escape(str(result))}$"):
            check(bound)
    else:
        found = check(bound)
        assert found == result
        assert type(found) is type(result)


def test_default_that_its_location_cannot_hold_is_told(schemas: SchemaLibrary) -> None:
    _, (problem,) = outgoing('{X-H: {in: header, type: string, default: "a\\x7f"}}', schemas)
    assert problem.what == "the default holds a character that no header may hold"


def test_param_with_a_schema_takes_what_goes_in_and_not_what_comes_out(
    schemas: SchemaLibrary,
) -> None:
    sent, _ = outgoing("{q: {schema: 'schemas.people:Address'}}", schemas, "POST /a")
    seen, _ = incoming("{q: {schema: 'schemas.people:Address'}}", schemas)
    assert describe(sent["q"].type) == "{street: string, since?: string | null}"
    assert describe(seen["q"].type) == "{street: string, since?: string | null}"


def test_schema_param_takes_what_validates_and_gives_its_json_form(
    schemas: SchemaLibrary,
) -> None:
    compiled, _ = outgoing("{q: {schema: 'schemas.people:Address'}}", schemas, "POST /a")
    check = compiled["q"].check
    assert check({"street": "x", "since": "2024-01-01", "more": 1}) == {
        "street": "x",
        "since": "2024-01-01",
    }
    with pytest.raises(ValueError, match="does not have its form: street"):
        check({"street": ""})


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"ids": [2**63]}, "ids.0: less_than_equal"),
        ({"ids": ["9" * 19]}, "ids.0: less_than_equal"),
        ({"ids": [-(2**63) - 1]}, "ids.0: greater_than_equal"),
        ({"ids": [], "wide": -(2**64)}, "wide: greater_than_equal"),
        ({"ids": [], "more": {"deep": [2**64]}}, "more: value_error"),
        ({"ids": [], "extra": [2**64]}, r"\*: value_error"),
    ],
)
def test_integers_in_a_schema_param_have_64_bits(
    value: Any, wrong: str, schemas: SchemaLibrary
) -> None:
    compiled, _ = incoming("{q: {schema: 'schemas.people:Many'}}", schemas)
    with pytest.raises(ValueError, match=f"^does not have its form: {wrong}$"):
        compiled["q"].parse_json(value)


def test_integer_in_a_schema_param_has_more_bits_where_the_schema_says_so(
    schemas: SchemaLibrary,
) -> None:
    compiled, _ = incoming("{q: {schema: 'schemas.people:Many'}}", schemas)
    sent = {"ids": [2**63 - 1, -(2**63)], "wide": 2**70, "more": None}
    assert compiled["q"].parse_json(sent) == sent
