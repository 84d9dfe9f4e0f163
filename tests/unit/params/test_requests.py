"""A request's path, query, headers and body become params, or every bad one is named."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bff.plan.params.parsing import BadParam
from tests.support.plan.params import compiled, parse

unhurried = settings(deadline=None)

INTEGER = compiled("{q: {type: integer}}")
BODY = compiled("{q: {type: integer}, r: {type: string, required: false}}", "POST /a")


# ------------------------------------------------------------------------------ locations


def test_params_come_from_their_locations_in_declared_order() -> None:
    params = compiled(
        "{X-Key: {in: header, type: integer}, q: {in: query, type: integer},"
        " b: {type: integer}, id: {type: integer}}",
        "POST /a/{id}",
    )
    found = parse(
        params, "q=2&b=9&id=9&X-Key=9", path={"id": "4"}, headers={"x-key": ["1"]}, body=b'{"b":3}'
    )
    assert found == {"X-Key": 1, "q": 2, "b": 3, "id": 4}
    assert isinstance(found, dict)
    assert list(found) == ["X-Key", "q", "b", "id"]


def test_every_bad_param_is_named_in_declared_order() -> None:
    params = compiled(
        "{id: {type: integer}, q: {in: query, type: integer}, b: {type: integer},"
        " X-Key: {in: header, type: boolean}}",
        "POST /a/{id}",
    )
    assert parse(params, "q=1&q=2", path={"id": "x"}, body=b"{}") == [
        BadParam("id", "path", "must be an integer, written in digits"),
        BadParam("q", "query", "must come once"),
        BadParam("b", "body", "is required"),
        BadParam("X-Key", "header", "is required"),
    ]


def test_plus_in_a_path_is_a_plus_and_in_a_query_a_blank() -> None:
    params = compiled("{id: {type: string}, q: {in: query, type: string}}", "GET /a/{id}")
    assert parse(params, "q=a+b", path={"id": "a+b"}) == {"id": "a+b", "q": "a b"}


def test_absent_optional_params_are_their_defaults_or_absent() -> None:
    params = compiled(
        "{a: {type: integer, default: 3}, b: {type: string, required: false},"
        " H: {in: header, type: string, default: x}}"
    )
    assert parse(params) == {"a": 3, "H": "x"}


def test_empty_text_is_not_the_same_as_an_absent_one() -> None:
    params = compiled("{a: {type: integer, default: 3}, b: {type: string, required: false}}")
    assert parse(params, "a=&b") == [
        BadParam("a", "query", "must not be empty"),
        BadParam("b", "query", "must not be empty"),
    ]


def test_query_param_that_is_not_declared_is_never_read() -> None:
    assert parse(INTEGER, "q=1&view=mobile&other=%ff&%ff=1&=&&") == {"q": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a, b\t,c"], ["a", "b", "c"]),
        (["a", "b,c"], ["a", "b", "c"]),
        (["\xc3\xa9"], ["é"]),
        (["a,,b"], "has an element, number 2, that must not be empty"),
        (["\xff"], "must be UTF-8"),
        ([], "is required"),
    ],
)
def test_list_in_headers_may_come_in_several_lines(values: list[str], expected: object) -> None:
    params = compiled("{X-L: {in: header, type: array, items: {type: string}}}")
    found = parse(params, headers={"x-l": values})
    if isinstance(expected, list):
        assert found == {"X-L": expected}
    else:
        assert found == [BadParam("X-L", "header", str(expected))]


def test_header_that_is_no_list_and_comes_twice_is_bad() -> None:
    params = compiled("{X-A: {in: header, type: string}}")
    assert parse(params, headers={"x-a": ["1", "2"]}) == [
        BadParam("X-A", "header", "must come once")
    ]


# ------------------------------------------------------------------------------ the body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"q": 1}', {"q": 1}),
        (b'{"q": 1, "r": null, "more": {"deep": [1]}}', {"q": 1, "r": None}),
        (b' {"r": "", "q": -1} ', {"q": -1, "r": ""}),
        (b'{"q": 1, "r": "\\ud83d\\ude00"}', {"q": 1, "r": "😀"}),
    ],
)
def test_fields_of_the_body_are_params(body: bytes, expected: object) -> None:
    assert parse(BODY, body=body) == expected


@pytest.mark.parametrize(
    ("body", "name", "said"),
    [
        (None, "q", "is required"),
        (b"", "q", "is required"),
        (b"{}", "q", "is required"),
        (b'{"q": null}', "q", "must be an integer"),
        (b'{"q": "1"}', "q", "must be an integer"),
        (b'{"q": 1.0}', "q", "must be an integer"),
        (b'{"q": true}', "q", "must be an integer"),
        (b'{"q": 9223372036854775808}', "q", "must be an integer of 64 bits"),
        (b'{"q": 1, "r": "a\\u0000"}', "r", "must hold no NUL"),
        (b"[]", "", "must be a JSON object"),
        (b"null", "", "must be a JSON object"),
        (b"{", "", "must be JSON"),
        (b"q=1", "", "must be JSON"),
        (b'{"q": 1}{', "", "must be JSON"),
        (b'\xef\xbb\xbf{"q": 1}', "", "must be JSON"),
        (b'{"q": 1, "r": "\xff"}', "", "must be JSON"),
        (b'{"q": 1, "r": "\\ud800"}', "", "must be JSON"),
        (b'{"q": ' + b"1" * 1_000_000 + b"}", "", "must be JSON"),
        (b'{"q": NaN}', "", "must be JSON"),
        (b'{"q": 1e999}', "", "has a number that is not finite"),
        (b'{"q": 1, "q": 1}', "", "has a name twice in one object"),
        (b'{"q": 1, "x": [{"a": 1, "\\u0061": 2}]}', "", "has a name twice in one object"),
        (b'{"q": 1, "x": ' + b"[" * 200_000, "", "is nested too deep"),
        (b'{"q": 1, "x": ' + b'{"a":' * 200 + b"1" + b"}" * 201, "", "is nested too deep"),
    ],
)  # fmt: skip
def test_body_that_cannot_be_used_is_a_bad_param(body: bytes | None, name: str, said: str) -> None:
    assert parse(BODY, body=body) == [BadParam(name, "body", said)]


def test_body_may_be_left_out_where_no_field_is_required() -> None:
    params = compiled("{q: {type: integer, default: 1}}", "POST /a")
    assert parse(params, body=None) == {"q": 1}


def test_body_is_not_looked_at_where_no_param_is_in_it() -> None:
    params = compiled("{q: {in: query, type: integer}}", "POST /a")
    assert parse(params, "q=1", body=b"{") == {"q": 1}


def test_body_that_is_broken_is_told_once_beside_other_bad_params() -> None:
    params = compiled(
        "{a: {type: integer}, b: {type: integer}, q: {in: query, type: integer}}", "POST /a"
    )
    assert parse(params, body=b"{") == [
        BadParam("", "body", "must be JSON"),
        BadParam("q", "query", "is required"),
    ]


@unhurried
@given(st.binary(max_size=40))
@example(b'{"q": 1, "__proto__": {}}')
def test_no_body_makes_parsing_raise(body: bytes) -> None:
    assert isinstance(parse(BODY, body=body), dict | list)
