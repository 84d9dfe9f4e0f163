"""CSV and lines of JSON as JSON texts. Pure.

In CSV the first line names the columns, and every cell is a text, which the schema reads as it
reads texts: `"12"` as an integer. An empty cell is null where the schema takes a null. Lines end
with CR LF or LF, lines without anything are left out, and a cell has 128 KiB at most (RFC 4180,
Python's csv).
"""

import csv
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any, Final

from pydantic_core import from_json, to_json

from bff.errors import TooLargeError
from bff.plan.decoding.charsets import charset_of, text_of, without_lone_escapes
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, may_be_null

_MEMBER_BYTES: Final = len('"":"",')
_ROW_WEIGHT: Final = 40  # as any object's: see `bff.engine.payload.texts`


def lines_text(body: bytes, content_type: str | None, most: int) -> bytes:
    """The values of the lines, as one list. Raises `ValueError`."""
    text = without_lone_escapes(text_of(body, charset_of(content_type)))
    lines = [line.encode() for line in text.split("\n")]
    for number, line in enumerate(lines, start=1):
        if line and not line.isspace():
            try:
                from_json(line)
            except ValueError as error:
                raise ValueError(f"line {number} is not JSON: {error}") from None
    return b"[" + b",".join(line for line in lines if line and not line.isspace()) + b"]"


class CsvDecoder:
    """Reads CSV for one type. Immutable; safe between threads."""

    __slots__ = ("_delimiter", "_takes_null")

    def __init__(self, wanted: t.Type, delimiter: str) -> None:
        self._delimiter = delimiter
        self._takes_null = _nullable_columns(wanted)

    def __call__(self, body: bytes, content_type: str | None, most: int) -> bytes:
        """The rows as a list of objects. Raises `ValueError`, and `TooLargeError` beyond `most`."""
        text = text_of(body, charset_of(content_type))
        reader = csv.reader(StringIO(text, newline=""), delimiter=self._delimiter, strict=True)
        try:
            return to_json(list(self._rows(reader, most)))
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num} is not CSV: {error}") from None

    def _rows(self, reader: Any, most: int) -> Iterator[dict[str, str | None]]:
        names: list[str] = next((line for line in reader if line), [])
        if len(set(names)) < len(names):
            raise ValueError("its first line names a column twice")
        nullable = [self._takes_null(name) for name in names]
        of_names = sum(map(len, names)) + _MEMBER_BYTES * len(names)
        for line in reader:
            if not line:
                continue
            if len(line) != len(names):
                raise ValueError(
                    f"line {reader.line_num} has {len(line)} cells, and the first {len(names)}"
                )
            most -= max(_ROW_WEIGHT, of_names + sum(map(len, line)))
            if most < 0:
                raise TooLargeError("its rows are too large together")
            yield {
                name: None if takes_null and not cell else cell
                for name, cell, takes_null in zip(names, line, nullable, strict=True)
            }


def _nullable_columns(wanted: t.Type) -> Callable[[str], bool]:
    """Whether a column of that name may be null in a list of the type."""
    rows = [each.element for each in alternatives(wanted) if isinstance(each, t.ListOf)]
    objects = [one for each in rows for one in alternatives(each) if isinstance(one, t.ObjectOf)]
    if not objects:
        return lambda _: True  # nothing is known of them
    columns = {name: _takes_null(field.type) for each in objects for name, field in each.fields}
    others = any(each.extra is not None and _takes_null(each.extra) for each in objects)
    return lambda name: columns.get(name, others)


def _takes_null(wanted: t.Type) -> bool:
    return wanted == t.ANYTHING or may_be_null(wanted)
