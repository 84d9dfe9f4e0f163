"""The decoder of an operation's replies: from a body as it came to the JSON text that its schema
reads. Compiled with the project; pure, and safe between threads."""

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal

from pydantic_core import to_json

from bff.plan.decoding.charsets import (
    charset_of,
    json_text_of,
    text_of,
    without_lone_escapes,
)
from bff.plan.decoding.lines import CsvDecoder, lines_text
from bff.plan.decoding.xml import XmlDecoder
from bff.plan.model.service import Decode
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, may_be_null

Decoding = Literal["json", "ndjson", "csv", "xml", "text"]  # what bodies may be, read by a schema

GIVES: Final[Mapping[Decoding, str]] = {
    "json": "any value", "ndjson": "a list", "csv": "a list of objects of texts",
    "xml": "an object", "text": "a text",
}  # fmt: skip
_KINDS: Final[Mapping[Decoding, tuple[type[t.Type], ...]]] = {
    "json": (t.Anything, t.Scalar, t.Constant, t.ListOf, t.ObjectOf),
    "ndjson": (t.Anything, t.ListOf),
    "csv": (t.Anything, t.ListOf),
    "xml": (t.Anything, t.ObjectOf),
    "text": (t.Anything, t.Scalar, t.Constant),
}


def compile_decoder(decoding: Decoding, wanted: t.Type, delimiter: str) -> Decode:
    """The decoder of bodies for a schema that takes `wanted`."""
    match decoding:
        case "json":
            return partial(mended_json, may_be_null(wanted))
        case "ndjson":
            return lines_text
        case "csv":
            return CsvDecoder(wanted, delimiter)
        case "xml":
            return XmlDecoder(wanted)
        case "text":
            return _quoted


def takes_decoding(decoding: Decoding, wanted: t.Type) -> bool:
    """Whether the schema takes some value that the decoding gives."""
    taken = [each for each in alternatives(wanted) if isinstance(each, _KINDS[decoding])]
    if decoding == "csv":
        return any(isinstance(each, t.Anything) or _takes_rows(each) for each in taken)
    return bool(taken)


def _takes_rows(wanted: t.Type) -> bool:
    """Whether it is a list of what may be an object whose fields may all be texts."""
    return isinstance(wanted, t.ListOf) and any(
        isinstance(each, t.Anything)
        or (
            isinstance(each, t.ObjectOf)
            and all(_takes_cell(field.type) for _, field in each.fields if field.required)
        )
        for each in alternatives(wanted.element)
    )


def _takes_cell(wanted: t.Type) -> bool:
    return any(isinstance(each, _KINDS["text"]) for each in alternatives(wanted))


def mended_json(takes_null: bool, body: bytes, content_type: str | None, most: int) -> bytes:
    """JSON that can't be read as it came: without a byte order mark, in UTF-8, with whole
    characters, and null where there is none. The body itself where nothing of it can be mended.
    Raises `ValueError`."""
    if not body:
        return b"null" if takes_null else body
    return without_lone_escapes(json_text_of(body, charset_of(content_type))).encode()


def _quoted(body: bytes, content_type: str | None, most: int) -> bytes:
    return to_json(text_of(body, charset_of(content_type)))
