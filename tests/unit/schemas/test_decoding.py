"""What bodies become before a schema reads them: charsets, mended JSON, lines, CSV, XML, text."""

import json
import tracemalloc
from typing import Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from bff.errors import TooLargeError
from bff.plan.decoding.charsets import charset_of, text_of
from bff.plan.decoding.decoders import Decoding, compile_decoder
from bff.plan.schemas.types import incoming_type

MOST = 4 * 1024 * 1024


class Item(BaseModel):
    name: str
    price: float | None = None
    note: str | None


class Node(BaseModel):
    id: str = Field(alias="@id")
    nodes: "list[Node]" = Field(alias="node")


class Price(BaseModel):
    currency: str = Field(alias="@currency")
    amount: float = Field(alias="#text")


class Orders(BaseModel):
    total: int = 0
    order: list[Item]
    tags: list[str] | None = None


class Document(BaseModel):
    orders: Orders | None
    price: Price | None = None
    root: Node | None = None


def decoded(
    kind: Decoding,
    body: bytes | str,
    wanted: Any = Any,
    *,
    content_type: str | None = None,
    delimiter: str = ",",
    most: int = MOST,
) -> Any:
    schema = TypeAdapter(wanted).core_schema
    decode = compile_decoder(kind, incoming_type(schema, str), delimiter)
    sent = body.encode() if isinstance(body, str) else body
    return json.loads(decode(sent, content_type, most))


MENDED = {
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', None, {"a": 1}),
    "UTF-16 by its mark": ('{"a": "é"}'.encode("utf-16"), None, {"a": "é"}),
    "UTF-16 without a mark": ('{"a": "é"}'.encode("utf-16-le"), None, {"a": "é"}),
    "UTF-32": ('{"a": "é"}'.encode("utf-32"), None, {"a": "é"}),
    "Latin-1 that is named": (b'"\xe9"', "application/json; charset=ISO-8859-1", "é"),
    "another one in quotes": (b'"\xa4"', 'application/json; Charset="iso-8859-15"', "€"),
    "GBK that is called GB2312": ('"镕"'.encode("gbk"), "application/json; charset=gb2312", "镕"),
    "UTF-8 that is called Latin-1": ('"é"'.encode(), "application/json; charset=latin1", "é"),
    "half an emoji": (b'"nice \\ud83d"', None, "nice \ufffd"),
    "the other half": (b'"\\udE00 nice"', None, "\ufffd nice"),
    "halves in the wrong order": (b'"\\ude00\\ud83d"', None, "\ufffd\ufffd"),
    "half of one before a whole one": (b'"\\ud83d\\ud83d\\ude00"', None, "\ufffd😀"),
    "a backslash, and no half": (b'["\\\\ud83d", "\\ud83d"]', None, ["\\ud83d", "\ufffd"]),
    "half of one as bytes": (b'"\xed\xa0\xbd"', None, "\ufffd"),
    "half of one in a key": (b'{"\\ud83d": 1}', None, {"\ufffd": 1}),
}


@pytest.mark.parametrize(("body", "content_type", "value"), MENDED.values(), ids=MENDED.keys())
def test_json_that_is_not_utf_8_or_not_whole_is_mended(
    body: bytes, content_type: str | None, value: Any
) -> None:
    assert decoded("json", body, content_type=content_type) == value


def test_empty_body_is_null_where_the_schema_takes_a_null() -> None:
    assert decoded("json", b"", int | None) is None
    with pytest.raises(json.JSONDecodeError):
        decoded("json", b"", int)


CHARSETS = [
    (b"\xe9", "latin-1", "é"), (b"\x80", "windows-1252", "€"), (b"\xe9\0", "utf-16le", "é"),
    ("日本".encode("sjis"), "Shift_JIS", "日本"), (b"\xef\xbb\xbfx", "latin-1", "x"),
    (b"\xff\xfex\0", "latin-1", "x"), (b"x", None, "x"), (b"", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "charset", "text"), CHARSETS)
def test_text_is_of_its_mark_or_of_the_charset_that_is_named(
    body: bytes, charset: str | None, text: str
) -> None:
    assert text_of(body, charset) == text


@pytest.mark.parametrize(
    ("body", "charset", "what"),
    [
        (b"\xe9", None, "not of its charset"),
        (b"\xff", "ascii", "not of its charset"),
        *((b"x", name, "unknown") for name in ("rot13", "idna", "unicode_escape", "x\0y", "nope")),
    ],
)
def test_text_of_no_charset_is_refused(body: bytes, charset: str | None, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        text_of(body, charset)


def test_charset_is_a_parameter_of_the_content_type() -> None:
    assert charset_of('text/csv; header=present; charset="utf-16"') == "utf-16"
    assert [charset_of(each) for each in (None, "text/csv", "text/csv; charset=")] == [None] * 3
    assert charset_of('text/csv; charset="' + ";" * 1_000_000) is None  # by the square: 10 minutes


def test_lines_of_json_are_a_list() -> None:
    body = '{"a": 1}\r\n\n 2 \n["\\ud83d"]\n'
    assert decoded("ndjson", body) == [{"a": 1}, 2, ["\ufffd"]]
    assert decoded("ndjson", b"") == decoded("ndjson", b"\n") == []


@pytest.mark.parametrize("body", ["1\n1, 2", '"a\nb"', "[1\n2]", "1\n{", "1\n]"])
def test_line_that_is_no_json_of_its_own_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"line \d is not JSON"):
        decoded("ndjson", body)


ROWS = 'name,price,note\n"Hat, or ""cap""",9.5,\n\nCoat,,warm\n'


def test_csv_is_a_list_of_objects_with_null_where_the_schema_takes_it() -> None:
    assert decoded("csv", ROWS, list[Item]) == [
        {"name": 'Hat, or "cap"', "price": "9.5", "note": None},
        {"name": "Coat", "price": None, "note": "warm"},
    ]


CSV = {
    "another delimiter": ("a;b\n1;2", list[dict[str, str]], ";", [{"a": "1", "b": "2"}]),
    "tabs": ("a\tb\r\n1\t\r\n", list[dict[str, str]], "\t", [{"a": "1", "b": ""}]),
    "null in any column": ("a,b\n1,", list[dict[str, str | None]], ",", [{"a": "1", "b": None}]),
    "anything": ("a\n1\n", Any, ",", [{"a": "1"}]),
    "a line break in a cell": ('a\n"1\n2"', Any, ",", [{"a": "1\n2"}]),
    "no rows": ("a,b\n", Any, ",", []),
    "nothing": ("", Any, ",", []),
    "a mark": ("\ufeffa\n1", Any, ",", [{"a": "1"}]),
}


@pytest.mark.parametrize(("body", "wanted", "delimiter", "value"), CSV.values(), ids=CSV.keys())
def test_csv_in_its_forms(body: str, wanted: Any, delimiter: str, value: Any) -> None:
    assert decoded("csv", body, wanted, delimiter=delimiter) == value


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("a,b\n1", "line 2 has 1 cells, and the first 2"),
        ("a\n1,2", "line 2 has 2 cells, and the first 1"),
        ("a,a\n1,2", "names a column twice"),
        ('a\n"1', "is not CSV: unexpected end of data"),
        ('a\n"1"2', "is not CSV"),
        (f"a\n{'x' * 200_000}", "is not CSV: field larger"),
    ],
)
def test_csv_that_is_damaged_is_refused(body: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        decoded("csv", body)


def test_csv_with_long_names_is_refused_before_its_rows_are_built() -> None:
    body = f"{'x' * 100_000}\n{'1' * 3}\n" + "1\n" * 100_000
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError, match="rows are too large"):
            decoded("csv", body)
        assert tracemalloc.get_traced_memory()[1] < 4 * MOST
    finally:
        tracemalloc.stop()


XML = {
    "none": ("<orders/>", Document, {"orders": None}),
    "none within": ("<orders><total>3</total></orders>", Document,
                    {"orders": {"total": "3", "order": []}}),
    "one": ("<orders><order><name>Hat</name><note/></order></orders>", Document,
            {"orders": {"order": [{"name": "Hat", "note": None}]}}),
    "many": ("<orders><order><name/></order><order/><tags>a</tags></orders>", Document,
             {"orders": {"order": [{"name": ""}, {}], "tags": ["a"]}}),
    "attributes that nobody wants": ("<orders><order><name lang='en'>Hat</name></order></orders>",
                                     Document, {"orders": {"order": [{"name": "Hat"}]}}),
    "attributes and text": ("<price currency='EUR'>9.5</price>", Document,
                            {"price": {"@currency": "EUR", "#text": "9.5"}}),
    "a type that holds itself": ("<root id='1'><node id='2'/></root>", Document,
                                 {"root": {"@id": "1", "node": [{"@id": "2", "node": []}]}}),
    "null, as schemas of XML have it": (
        "<orders xsi:nil='true'/>", Document, {"orders": None},
    ),
    "null where a text may be": ("<orders><order><note xsi:nil='true'/></order></orders>", Document,
                                 {"orders": {"order": [{"note": None}]}}),
    "anything": ("<a b='1'><c/><c>x</c></a>", Any, {"a": {"@b": "1", "c": [None, "x"]}}),
    "prefixes, CDATA and references": ("<s:a xmlns:s='x'><![CDATA[<1>]]>&amp;&#65;</s:a>", Any,
                                       {"s:a": {"@xmlns:s": "x", "#text": "<1>&A"}}),
    "a charset of its own": ("<?xml version='1.0' encoding='iso-8859-1'?><a>é</a>".encode("latin1"),
                             Any, {"a": "é"}),
    "UTF-16": ("<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode("utf-16"), Any,
               {"a": "é"}),
    "a document type without entities": ("<!DOCTYPE a SYSTEM 'a.dtd'><a>1</a>", Any, {"a": "1"}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "wanted", "value"), XML.values(), ids=XML.keys())
def test_xml_takes_the_form_that_the_schema_wants(
    body: str | bytes, wanted: Any, value: Any
) -> None:
    assert decoded("xml", body, wanted) == value


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("", "not XML"),
        ("<a>", "not XML"),
        ("<a/><b/>", "not XML"),
        ("<a>&b;</a>", "not XML"),
        ('<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY % b "bb">]><a/>', "declares entities"),
        ('<!DOCTYPE a [<!ATTLIST b c CDATA "dd">]><a><b/></a>', "declares attributes"),
        ('<!DOCTYPE a SYSTEM "a.dtd"><a>5&b;0</a>', "an entity of a file that is not read"),
    ],
)
def test_xml_that_is_damaged_or_has_entities_is_refused(body: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        decoded("xml", body)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("<a>" + " " * 1024 * 1024 + "</a>", "more than 1048576 bytes"),
        ("<a>" + "<b/>" * 100_000 + "</a>", "more than 100000 elements"),
        ("<a>" + "<b c='1' d='2'/>" * 34_000 + "</a>", "more than 100000 elements and attributes"),
        ("<a>" * 300_000, "nested more than 200 deep"),
    ],
    ids=["bytes", "elements", "attributes", "depth"],
)
def test_xml_beyond_a_bound_is_refused(body: str, what: str) -> None:
    with pytest.raises(TooLargeError, match=what):
        decoded("xml", body)


def test_xml_within_the_bounds_is_taken() -> None:
    assert len(decoded("xml", "<a>" + "<b/>" * 99_999 + "</a>")["a"]["b"]) == 99_999
    assert decoded("xml", "<a>" * 200 + "1" + "</a>" * 200)


def test_text_is_one_text() -> None:
    assert decoded("text", b"a\xe9\n", content_type="text/plain; charset=latin-1") == "aé\n"
    assert decoded("text", b"") == ""
