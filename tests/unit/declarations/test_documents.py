"""Every key, value and character of a declaration is found again in its file."""

from typing import Any

import pytest
from pydantic import ConfigDict

from bff.declarations.declaration import Declaration
from bff.declarations.documents import Document, dotted, empty_document, read_document
from bff.errors import Place
from tests.support.marks import without_mark


class Holder(Declaration):
    """Takes any key."""

    model_config = ConfigDict(extra="allow")


def document_of(text: str) -> Document[Holder]:
    read = read_document("dir/a.yaml", text.encode(), Holder)
    assert read.document is not None
    assert read.problems == ()
    return read.document


PLACES: list[tuple[str, tuple[str | int, ...], bool]] = [
    ("a:\n  b: ▶1\n", ("a", "b"), False),
    ("a:\n  ▶b: 1\n", ("a", "b"), True),
    ("a:\n  ▶b:\n    c: 1\n", ("a", "b"), True),
    ("a:\n  b:\n    ▶c: 1\n", ("a", "b"), False),
    ("a: [1, ▶two]\n", ("a", 1), False),
    ("a:\n- x\n- ▶y: 1\n", ("a", 1), False),
    ("a: {'q': 1, ▶\"r\": 2}\n", ("a", "r"), True),
    ("a: {404: ▶null}\n", ("a", 404), False),
    ("a: {404: ▶null}\n", ("a", "404"), False),
    ("a: ▶|\n  text\n", ("a",), False),
    ("a: &x ▶text\n", ("a",), False),
    ("a: &x ▶text\nb: *x\n", ("b",), False),
    ("a: &x {c: ▶1}\nb: *x\n", ("b", "c"), False),
    ("a:▶\nb: 1\n", ("a",), False),
    # what isn't there gives what is nearest
    ("a: ▶{b: 1}\n", ("a", "c"), False),
    ("a: ▶{b: 1}\n", ("a", "c", "d"), True),
    ("a: ▶x\n", ("a", 0), False),
    ("a: ▶[1]\n", ("a", 7), False),
    ("▶a: x\n", ("z",), True),
    ("\n\n▶a: x\n", (), False),
    # characters, not bytes
    ("é: {ü: ▶1}\n", ("é", "ü"), False),
    ("😀: {b: ▶1}\n", ("😀", "b"), False),
]


@pytest.mark.parametrize(("marked", "path", "key"), PLACES)
def test_place_is_the_line_and_column_of_what_the_path_names(
    marked: str, path: tuple[str | int, ...], key: bool
) -> None:
    text, line, column = without_mark(marked)
    assert document_of(text).place(path, key=key) == Place("dir/a.yaml", line, column)


TEXTS: list[tuple[str, str]] = [
    # the file, with a mark before the character; the text up to it, as parsed
    ("a: ab▶c\n", "ab"),
    ("a: 'it''s ▶x'\n", "it's "),
    ("a: 'it▶''s x'\n", "it"),
    ('a: "a\\n\\x41\\u00e9▶b"\n', "a\nAé"),
    ('a: "x▶\\u00e9"\n', "x"),
    ('a: "x \\\n   ▶y"\n', "x "),
    ("a: 'x\n   ▶y'\n", "x "),
    ("a: 'x▶\n   y'\n", "x"),
    ("a: x\n\n\n  ▶y\n", "x\n\n"),
    ("a: |\n  one\n  t▶wo\n", "one\nt"),
    ("a: |2\n    one\n   ▶two\n", "  one\n "),
    ("a:\n  - |1-\n    one\n   t▶wo\n", " one\nt"),
    ("a: >\n  one\n  t▶wo\n", "one t"),
    ("a: >\n  one\n\n  t▶wo\n", "one\nt"),
    ("a: >\n  one\n    more\n  t▶wo\n", "one\n  more\nt"),
    ("a: > # why\n\n  one\n  t▶wo\n", "\none t"),
    ("a: &x 'on▶e'\n", "on"),
    ("a: &x # why\n  >-\n  one\n  t▶wo\n", "one t"),
    ("a: |\r\n  one\r\n  t▶wo\r\n", "one\nt"),
    ("a: 'one▶'\n", "one"),
    ("a: one▶\n", "one"),
]


@pytest.mark.parametrize(("marked", "before"), TEXTS)
def test_place_in_text_goes_through_quotes_escapes_and_folds(marked: str, before: str) -> None:
    text, line, column = without_mark(marked)
    document = document_of(text)
    data: Any = document.model.model_extra
    path: tuple[str | int, ...] = ("a",) if isinstance(data["a"], str) else ("a", 0)
    parsed = data["a"] if isinstance(data["a"], str) else data["a"][0]
    assert parsed.startswith(before)
    assert document.place_in_text(path, len(before)) == Place("dir/a.yaml", line, column)


def test_place_in_what_is_no_text_is_the_values_own() -> None:
    assert document_of("a: [1]\n").place_in_text(("a",), 3) == Place("dir/a.yaml", 1, 4)
    assert document_of("a: 1\n").place_in_text(("a", "b"), 3) == Place("dir/a.yaml", 1, 4)


def test_every_place_in_an_empty_document_is_its_start() -> None:
    document = empty_document("gateway.yaml", Holder())
    assert document.place(("a", 0), key=True) == Place("gateway.yaml", 1, 1)


def test_path_is_written_with_dots_and_indexes() -> None:
    assert dotted(("steps", "user", "after", 0)) == "steps.user.after[0]"
    assert dotted(()) == ""


def test_long_path_keeps_both_its_ends() -> None:
    text = dotted(("steps", "user", "with", "id", *[0] * 64, "last"))
    assert len(text) == 120
    assert text.startswith("steps.user.with.id[0][0]")
    assert text.endswith("[0][0].last")
