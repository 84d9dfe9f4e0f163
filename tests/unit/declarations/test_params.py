"""What a param may be declared as, and what is told about one that contradicts itself."""

import pytest

from bff.declarations.documents import read_document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.service import ServiceFile
from bff.errors import Problem
from tests.support.marks import without_mark


def problems_of(text: str) -> list[Problem]:
    return list(read_document("services/shop.yaml", text.encode(), ServiceFile).problems)


def with_param(param: str, request: str = "GET /users") -> str:
    return (
        "base: http://h\noperations:\n  one:\n"
        f"    request: {request}\n    params: {param}\n    returns: schemas.a:B\n"
    )


PARAMS = {
    # params (of GET /users): the path below `params`, what is said, part of the remedy
    "no type": ("{q: ▶{}}", "q", "needs a type", "schema:"),
    "unknown type": ("{q: {type: ▶int}}", "q.type", "'int' means nothing here", "'integer'"),
    "unknown key": (
        "{q: {type: string, ▶minLength: 3}}", "q.minLength", "unknown key", "'min_length'",
    ),
    "list of what": ("{q: ▶{type: array}}", "q", "a list needs `items`", "items:"),
    "list of lists": (
        "{q: {type: array, items: {type: ▶array}}}", "q.items.type", "'array' means", "",
    ),
    "key for another type": (
        "{q: {type: string, ▶minimum: 1}}", "q.minimum", "does not apply to the type string",
        "integer and number",
    ),
    "items of no list": (
        "{q: {type: string, ▶items: {type: string}}}", "q.items",
        "does not apply to the type string", "array",
    ),
    "key for another type in items": (
        "{q: {type: array, items: {type: integer, ▶pattern: x}}}", "q.items.pattern",
        "does not apply to the type integer", "string",
    ),
    "least above most": (
        "{q: {type: integer, minimum: ▶3, maximum: 2}}", "q.minimum",
        "minimum 3 is more than maximum 2", "",
    ),
    "shortest above longest": (
        "{q: {type: string, min_length: ▶3, max_length: 2}}", "q.min_length", "more than", "",
    ),
    "fewest above most": (
        "{q: {type: array, items: {type: string}, min_items: ▶3, max_items: 2}}", "q.min_items",
        "more than", "",
    ),
    "negative length": (
        "{q: {type: string, min_length: ▶-1}}", "q.min_length", "-1 is not at least 0", "",
    ),
    "length beyond any text's": (
        "{q: {type: string, max_length: ▶18446744073709551616}}", "q.max_length",
        "is not at most 2147483647", "",
    ),
    "least length beyond any text's": (
        "{q: {type: array, items: {type: string, min_length: ▶18446744073709551616}}}",
        "q.items.min_length", "is not at most 2147483647", "",
    ),
    "length beyond any list's": (
        "{q: {type: array, items: {type: string}, max_items: ▶18446744073709551616}}",
        "q.max_items", "is not at most 2147483647", "",
    ),
    "bound that is no number": (
        "{q: {type: integer, minimum: ▶'1'}}", "q.minimum", "this is no number",
        "Write 1 without quotes.",
    ),
    "infinite bound": ("{q: {type: number, minimum: ▶.inf}}", "q.minimum", "not finite", ""),
    "bound with a point": (
        "{q: {type: integer, minimum: ▶1.5}}", "q.minimum", "a bound of an integer is an integer",
        "",
    ),
    "multiple of nothing": (
        "{q: {type: integer, multiple_of: ▶0}}", "q.multiple_of", "not more than 0", "",
    ),
    "empty enum": ("{q: {type: string, enum: ▶[]}}", "q.enum", "no value is allowed", ""),
    "enum of another type": (
        "{q: {type: string, enum: [a, ▶1]}}", "q.enum[1]", "this is no string", "",
    ),
    "enum with a boolean": (
        "{q: {type: integer, enum: [1, ▶true]}}", "q.enum[1]", "this is no integer", "",
    ),
    "enum with one twice": (
        "{q: {type: string, enum: [a, ▶a]}}", "q.enum[1]", "is there twice", "",
    ),
    "enum of booleans": (
        "{q: {type: boolean, ▶enum: [true]}}", "q.enum", "does not apply to the type boolean", "",
    ),
    "unknown format": (
        "{q: {type: string, format: ▶datetime}}", "q.format", "'datetime' means nothing",
        "'date-time'",
    ),
    "unknown place": (
        "{q: {in: ▶cookie, type: string}}", "q.in", "'cookie' means nothing here",
        "Known: body, form, header, path, query.",
    ),
    "default of a required": (
        "{q: {type: string, default: x, required: ▶true}}", "q.required", "never required", "",
    ),
    "null for a default": (
        "{q: {type: string, default: ▶null}}", "q.default", "null is no default",
        "required: false",
    ),
    "expression for a default": (
        "{q: {type: integer, default: ▶'${params.size}'}}", "q.default", "a constant stands here",
        "Write the value itself",
    ),
    "expression within a default": (
        "{q: {type: array, items: {type: string}, default: [a, ▶'a ${a.b}']}}", "q.default[1]",
        "a constant stands here", "",
    ),
    "expression in an enum": (
        "{q: {type: string, enum: [a, ▶'${a.b}']}}", "q.enum[1]", "a constant stands here", "",
    ),
    "in the path and not there": (
        "{▶q: {in: path, type: string}}", "q", "'q' is not in the path", "in: query",
    ),
    "body of a GET": (
        "{▶q: {in: body, type: string}}", "q", "'q' is in the body, and GET has none",
        "in: query",
    ),
    "schema outside of a body": (
        "{q: {schema: ▶'a:B'}}", "q.schema", "'q' is in the query", "in: body",
    ),
    "style of a scalar": (
        "{q: {type: string, ▶style: comma}}", "q.style", "does not apply to the type string",
        "array",
    ),
    "style in a header": (
        "{q: {in: header, type: array, items: {type: string}, ▶style: repeat}}", "q.style",
        "a form of its own", "",
    ),
    "slash in a query": (
        "{q: {type: string, ▶slash: true}}", "q.slash", "`slash` is for params in the path", "",
    ),
    "name for no expression": (
        "{▶a-b: {type: string}}", "a-b", "no name that expressions can use", "letters",
    ),
    "name for no header": (
        "{▶'a b': {in: header, type: string}}", "a b", "'a b' is no header's name", "",
    ),
    "header twice": (
        "{X-A: {in: header, type: string}, ▶x-a: {in: header, type: string}}", "x-a",
        "is the header 'X-A' again", "",
    ),
    "header of the connection": (
        "{▶Transfer-Encoding: {in: header, type: string}}", "Transfer-Encoding",
        "the gateway's own to set", "",
    ),
    "header of the body": (
        "{▶host: {in: header, type: string}}", "host", "the gateway's own to set", "",
    ),
    "not a mapping": ("{q: ▶string}", "q", "'string' is not a mapping", ""),
    "nothing": ("{▶q: }", "q", "has no value", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", PARAMS)
def test_mistake_in_a_param_is_told_at_its_place(case: str) -> None:
    params, path, what, mend = PARAMS[case]
    text, line, column = without_mark(with_param(params))
    (problem,) = problems_of(text)
    if case != "nothing":
        assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert problem.path == f"operations.one.params.{path}"
    assert what in problem.what
    assert mend in problem.mend


@pytest.mark.parametrize(
    ("param", "what"),
    [
        ("{▶id: {type: string, default: x}}", "'id' is in the path, so it is always there"),
        ("{▶id: {type: string, required: false}}", "'id' is in the path, so it is always there"),
        ("{id: {in: ▶query, type: string}}", "'id' is in the path of GET /users/{id}"),
    ],
)
def test_path_param_that_is_not_simply_in_the_path_is_told(param: str, what: str) -> None:
    text, line, column = without_mark(with_param(param, request="GET /users/{id}"))
    problems = problems_of(text)
    assert any(
        (each.place.line, each.place.column) == (line, column) and what in each.what
        for each in problems
    ), [str(each) for each in problems]


def test_location_left_out_is_the_path_the_query_or_the_body() -> None:
    params = "params: {id: {type: integer}, q: {type: string}, H: {in: header, type: string}}"
    for method, other in (("GET", "query"), ("DELETE", "query"), ("POST", "body")):
        text = f"endpoint: {method} /a/{{id}}\n{params}\nsteps: {{a: {{call: s.o}}}}\n"
        declared = read_document("compositions/a.yaml", text.encode(), CompositionFile).document
        assert declared is not None
        assert declared.model.locations() == {"id": "path", "q": other, "H": "header"}
