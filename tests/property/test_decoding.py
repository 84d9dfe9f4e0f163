"""Decoders take any bytes: what comes of them is JSON that a schema can read, or a refusal."""

from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter
from pydantic_core import from_json

from bff.errors import TooLargeError
from bff.plan.decoding.decoders import Decoding, compile_decoder
from bff.plan.schemas.types import incoming_type
from tests.support.examples import examples

MOST = 4000


class Part(BaseModel):
    id: str = Field(alias="@id")
    text: int | None = Field(alias="#text")
    part: "list[Part]"


class Whole(BaseModel):
    a: list[Part] | None
    b: str
    c: dict[str, float | None]


WANTED: list[Any] = [Any, list[Whole], Whole, dict[str, Whole], list[dict[str, str | None]], str]
PIECES = [
    b"<a>", b"</a>", b"<b id='1'>", b"</b>", b"<a/>", b"<?xml version='1.0' encoding='utf-16'?>",
    b"<!DOCTYPE a [<!ENTITY e 'x'>]>", b"&e;", b"&#55357;", b"<![CDATA[", b"]]>", b"<!--", b"-->",
    b'"', b"\\ud83d", b"\\ude00", b"\\", b"[", b"]", b"{", b"}", b":", b",", b";", b"\n", b"\r\n",
    b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\xbd", b"\xe9", b"1", b"NaN", b"1e999", b"a,b,c",
]  # fmt: skip
BODIES = st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
CHARSETS = ["latin-1", "utf-16", "utf-32", "gbk", "shift_jis", "iso-2022-jp", "utf-7"]
LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
TYPES = (
    st.none()
    | LATIN
    | LATIN.map("text/x; charset={}".format)
    | st.sampled_from(CHARSETS).map('a/b; charset="{}"'.format)
)


@pytest.mark.parametrize("kind", get_args(Decoding))
@settings(max_examples=examples(200), deadline=None)
@given(body=BODIES, content_type=TYPES, wanted=st.sampled_from(WANTED))
@example(b"<a>" * 199 + b"</a>" * 199, None, Any)
def test_any_body_becomes_json_within_the_bound_or_is_refused(
    kind: Decoding, body: bytes, content_type: str | None, wanted: Any
) -> None:
    takes = incoming_type(TypeAdapter(wanted).core_schema, str)
    try:
        text = compile_decoder(kind, takes, ",")(body, content_type, MOST)
    except (TooLargeError, ValueError):
        return
    text.decode()
    if kind == "ndjson":
        assert isinstance(from_json(text), list)
    elif kind != "json":  # which may be none, and is looked at by the schema
        assert from_json(text) is not None
