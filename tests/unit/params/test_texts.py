"""A param has one written form; every other is refused, and told in words."""

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bff.plan.params.parsing import BadParam
from tests.support.plan.params import Params, compiled, parse

unhurried = settings(deadline=None)

INTEGER = compiled("{q: {type: integer}}")
NUMBER = compiled("{q: {type: number}}")
BOOLEAN = compiled("{q: {type: boolean}}")
STRING = compiled("{q: {type: string}}")
INTEGERS = compiled("{q: {type: array, items: {type: integer}}}")
COMMA = compiled("{q: {type: array, items: {type: string}, style: comma}}")


@pytest.mark.parametrize(
    ("params", "query", "value"),
    [
        (INTEGER, "q=0", 0), (INTEGER, "q=-12", -12), (INTEGER, "q=%31", 1), (INTEGER, "q=-0", 0),
        (INTEGER, "q=9223372036854775807", 2**63 - 1), (INTEGER, "%71=7", 7),
        (NUMBER, "q=5", 5), (NUMBER, "q=-0.5", -0.5), (NUMBER, "q=1e3", 1000.0),
        (NUMBER, "q=1E-2", 0.01), (NUMBER, "q=12345678901234567890", 12345678901234567890.0),
        (BOOLEAN, "q=true", True), (BOOLEAN, "q=false", False),
        (STRING, "q=a+b%2Bc%20d", "a b+c d"), (STRING, "q=%C3%A9", "é"),
        (STRING, "q=\xc3\xa9", "é"),
        (STRING, "q=a=b", "a=b"), (STRING, "x=1&q=null&q2=2", "null"), (STRING, "q=1;r=2", "1;r=2"),
        (INTEGERS, "q=1&q=2&x=9&q=1", [1, 2, 1]), (INTEGERS, "q=1", [1]),
        (COMMA, "q=a,b", ["a", "b"]), (COMMA, "q=a%2Cb", ["a", "b"]), (COMMA, "q=a", ["a"]),
    ],
)  # fmt: skip
def test_text_in_its_one_form_is_read(params: Params, query: str, value: object) -> None:
    found = parse(params, query)
    assert found == {"q": value}
    assert isinstance(found, dict)
    assert type(found["q"]) is type(value)


@pytest.mark.parametrize(
    ("params", "query", "said"),
    [
        (INTEGER, "", "is required"),
        (INTEGER, "Q=1", "is required"),
        (INTEGER, "q%zz=1", "is required"),
        (INTEGER, "q", "must not be empty"),
        (INTEGER, "q=", "must not be empty"),
        (INTEGER, "q=1&q=1", "must come once"),
        (INTEGER, "q=9223372036854775808", "must be an integer of 64 bits"),
        (INTEGER, "q=" + "9" * 1_000_000, "must be an integer of 64 bits"),
        (NUMBER, "q=", "must not be empty"),
        (NUMBER, "q=1e999", "must be finite"),
        (NUMBER, "q=" + "9" * 1_000_000, "must be a number, written as in JSON"),
        (BOOLEAN, "q=", "must not be empty"),
        (BOOLEAN, "q=1", "must be true or false"),
        (STRING, "q=", "must not be empty"),
        (STRING, "q=%ff", "must be UTF-8, percent-encoded"),
        (STRING, "q=\xff", "must be UTF-8, percent-encoded"),
        (STRING, "q=100%", "has a percent sign without two hex digits"),
        (STRING, "q=%00", "must hold no NUL"),
        (INTEGERS, "q=1&q=", "has an element, number 2, that must not be empty"),
        (INTEGERS, "q=1,2", "has an element, number 1, that must be an integer, written in digits"),
        (COMMA, "q=a,,b", "has an element, number 2, that must not be empty"),
        (COMMA, "q=", "has an element, number 1, that must not be empty"),
        (COMMA, "q=a&q=b", "must come once, with commas between its elements"),
    ],
)
def test_text_in_another_form_is_a_bad_param(params: Params, query: str, said: str) -> None:
    assert parse(params, query) == [BadParam("q", "query", said)]


@pytest.mark.parametrize(
    "text",
    [
        "+1",
        "%201",
        "1%20",
        "1_000",
        "1e3",
        "1.0",
        "01",
        "-",
        "--1",
        "0x1",
        "%D9%A1",
        "1%0A",
        "%E2%88%921",
        "1,000",
        "NaN",
        "null",
        "true",
        "5%00",
    ],
)
def test_integer_in_an_odd_spelling_is_refused(text: str) -> None:
    assert parse(INTEGER, f"q={text}") == [
        BadParam("q", "query", "must be an integer, written in digits")
    ]


@pytest.mark.parametrize(
    "text", [".5", "5.", "+1", "1_0", "01.5", "NaN", "Infinity", "inf", "0x1", "1e", "1%20", "1,5"]
)
def test_number_in_an_odd_spelling_is_refused(text: str) -> None:
    assert parse(NUMBER, f"q={text}") == [
        BadParam("q", "query", "must be a number, written as in JSON")
    ]


@pytest.mark.parametrize("text", ["True", "TRUE", "yes", "on", "0", "1", "t", "true%20", "null"])
def test_boolean_in_an_odd_spelling_is_refused(text: str) -> None:
    assert parse(BOOLEAN, f"q={text}") == [BadParam("q", "query", "must be true or false")]


def quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


@unhurried
@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_of_64_bits_is_read_from_its_digits(value: int) -> None:
    assert parse(INTEGER, f"q={value}") == {"q": value}


@unhurried
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(-0.0)
def test_every_finite_number_is_read_from_its_json_form(value: float) -> None:
    assert parse(NUMBER, "q=" + quoted(json.dumps(value))) == {"q": value}


@unhurried
@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_text_is_read_from_its_percent_encoding(text: str) -> None:
    assert parse(STRING, "q=" + quoted(text)) == {"q": text}


@unhurried
@given(st.text("0123456789+-_ .eE٣", max_size=8))
def test_integer_that_is_read_is_written_the_same_way(text: str) -> None:
    found = parse(INTEGER, "q=" + quoted(text))
    if isinstance(found, dict):
        assert str(found["q"]) == ("0" if text == "-0" else text)


@unhurried
@given(st.text("0123456789+-_ .eEinfa", max_size=8))
def test_number_that_is_read_is_one_in_json_too(text: str) -> None:
    found = parse(NUMBER, "q=" + quoted(text))
    if isinstance(found, dict):
        assert json.loads(text) == found["q"]


@unhurried
@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=30))
def test_no_query_makes_parsing_raise(query: str) -> None:
    for params in (INTEGER, NUMBER, BOOLEAN, STRING, INTEGERS, COMMA):
        assert isinstance(parse(params, query), dict | list)
        assert isinstance(parse(params, "q=" + query), dict | list)


def test_message_never_holds_the_value() -> None:
    secret = "tops3cret"
    tables: list[tuple[Params, Callable[[str], str]]] = [
        (INTEGER, "q={}".format), (NUMBER, "q={}".format), (BOOLEAN, "q={}".format),
        (compiled("{q: {type: string, max_length: 2}}"), "q={}".format),
        (compiled("{q: {type: string, enum: [a]}}"), "q={}".format),
        (compiled("{q: {type: string, format: date}}"), "q={}".format),
        (compiled("{q: {type: string, pattern: '^x'}}"), "q={}".format),
    ]  # fmt: skip
    for params, query in tables:
        found = parse(params, query(secret))
        assert isinstance(found, list)
        assert secret not in found[0].message
