"""What is not YAML, or not allowed in ours, is told at its place and with a remedy."""

from typing import Any

import pytest
from pydantic import ConfigDict

from bff.declarations.declaration import Declaration
from bff.declarations.documents import LARGEST_FILE, ReadResult, read_document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.yaml.tree import DEEPEST
from tests.support.marks import without_mark


class Holder(Declaration):
    """Takes any key; what is read is all that matters."""

    model_config = ConfigDict(extra="allow")


def read(text: str | bytes) -> ReadResult[Holder]:
    return read_document("a.yaml", text.encode() if isinstance(text, str) else text, Holder)


def data_of(text: str) -> dict[str, Any]:
    found = read(text)
    assert found.document is not None, found.problems
    return found.document.model.model_extra or {}


CASES = {
    # text with the mark: what is said, and part of the remedy
    "tab for indentation": ("a:\n▶\tb: 1\n", "a tab where YAML wants blanks", "Indent with blanks"),
    "second document": ("a: 1\n▶---\nb: 2\n", "a second document", "one document"),
    "duplicate key": ("a: 1\nb: 2\n▶a: 3\n", "the key 'a' is there already, in line 1", "Keep one"),
    "duplicate key in flow": ("x: {a: 1, ▶'a': 2}\n", "the key 'a' is there already", "Keep one"),
    "duplicate number key": ("x: {404: 1, ▶404: 2}\n", "the key '404' is there already", ""),
    "merge key": ("a: &a {x: 1}\nb:\n  ▶<<: *a\n", "a merge key", "write the keys out"),
    "tag": ("a: ▶!!python/name:os.system x\n", "the tag tag:yaml.org,2002:python/name", "leave it"),
    "tag on a mapping": ("a: ▶!x {b: 1}\n", "the tag !x", "leave it out"),
    "unknown anchor": ("a: &one 1\nb: ▶*on\n", "unknown anchor 'on'", "Known: one."),
    "alias to its own parent": ("a: &a [1, ▶*a]\n", "*a stands for what it is part of", ""),
    "alias for a key": ("a: &a x\n▶*a : 1\n", "an alias for a key", "Write the key out"),
    "empty key": ("x:\n  ?▶\n  : 1\n", "a key that is empty", "Write the key"),
    "list for a key": ("? ▶[a]\n: 1\n", "a list or a mapping for a key", "quotes"),
    "control character": ("a: x▶\x07\n", "the character U+0007", "\"\\x07\""),
    "NUL": ("a: x▶\0\n", "the character U+0000", "\"\\x00\""),
    "no character": ("a: x▶\uffff\n", "the character U+FFFF", "\"\\uFFFF\""),
    "half a surrogate pair": ('a: ▶"\\ud83d"\n', "half of a surrogate pair", "character itself"),
    "overlong number": (f"a: ▶{'1' * 5000}\n", "a number of 5000 characters", "quotes"),
    "quote never closed": ('a: 1\nb: ▶"x\nc: 2\n', "a quote that is never closed", "Close it"),
    "backquote first": ("a: ▶`x`\n", "starts with a character of YAML's own", "quotes"),
    "colon in a plain text": ("a: b▶: c\n", "a colon where no key can stand", "quotes"),
    "flow list never closed": ("a: [1, 2\nb▶: 3\n", "lacks a comma or its end", "close it"),
    "dash out of line": ("- a\n▶b: 1\n", "does not line up", "same indentation"),
    "unknown escape": ('a: "\\▶q"\n', "an escape that YAML does not know", "single quotes"),
    "line without a colon": ("a: 1\n▶b\nc: 1\n", "a line that is no `key: value`", "colon"),
    "version directive": ("▶%YAML 2.0\n---\na: 1\n", "a %YAML directive", "Leave it out"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_broken_yaml_is_told_at_its_place(case: str) -> None:
    marked, what, mend = CASES[case]
    text, line, column = without_mark(marked)
    (problem,) = read(text).problems
    assert (problem.place.file, problem.place.line, problem.place.column) == (
        "a.yaml",
        line,
        column,
    ), str(problem)
    assert what in problem.what
    assert mend in problem.mend


def test_text_that_is_no_yaml_has_no_document_and_what_is_not_allowed_still_has_one() -> None:
    assert read("a: 'x\n").document is None
    assert data_of("a: !x 1\nb: 2\na: 3\n") == {"a": 1, "b": 2}


def test_merge_key_is_told_and_taken_as_it_is_meant() -> None:
    text = "a: &a {x: 1, y: 2}\nb:\n  y: 3\n  <<: *a\n  z: 4\n"
    assert len(read(text).problems) == 1
    assert data_of(text)["b"] == {"x": 1, "y": 3, "z": 4}


EXPRESSIONS = {
    "a colon in it": "a: ▶${x.{b: c}}\n",
    "over several lines": "a: ▶${x.{\n  b: c}}\n",
    "in a flow mapping": "a: {id: ▶${params.user_id}}\n",
    "first in a flow list": "a: [▶${a}, ${b}]\n",
    "quoted name with a colon": 'a: ▶${x."b: c"}\n',
    "cut off by a comment": "a: ▶${x[?y == ' #1']}\n",
}


@pytest.mark.parametrize("case", EXPRESSIONS)
def test_expression_without_quotes_that_yaml_takes_apart_is_told_as_such(case: str) -> None:
    text, line, column = without_mark(EXPRESSIONS[case])
    (problem,) = read(text).problems
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert "this expression" in problem.what
    assert "in quotes" in problem.mend


@pytest.mark.parametrize(
    ("marked", "mend"),
    [
        ("a: '▶${join(', ', x)}'\n", "Use \" around it, or '' within."),
        ('a: "▶${x."b"}"\n', "Use ' around it, or \\\" within."),
    ],
)
def test_quotes_that_end_inside_an_expression_are_told_with_the_other_kind(
    marked: str, mend: str
) -> None:
    text, line, column = without_mark(marked)
    (problem,) = read(text).problems
    assert (problem.place.line, problem.place.column) == (line, column), str(problem)
    assert problem.what == "the quotes around this expression end inside it"
    assert problem.mend == mend


def test_expression_that_is_whole_is_not_blamed_for_a_later_error() -> None:
    (problem,) = read("a: ${x}\n b: 1\n").problems
    assert problem.what == "a colon where no key can stand"


def test_plain_expression_without_yaml_characters_needs_no_quotes() -> None:
    assert data_of("a: ${orders[?total > `5`].{id, total}[0] || 'x'}\n") == {
        "a": "${orders[?total > `5`].{id, total}[0] || 'x'}"
    }


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [(b"a: \xff\n", 1, 4), ("é: 1\nb: ü".encode() + b"\xe9\n", 2, 5), (b"\xff\xfea\0", 1, 1)],
)
def test_bytes_that_are_not_utf_8_are_told_at_their_place(
    content: bytes, line: int, column: int
) -> None:
    (problem,) = read(content).problems
    assert (problem.place.line, problem.place.column) == (line, column)
    assert "is not UTF-8" in problem.what


def test_byte_order_mark_is_ignored() -> None:
    found = read_document("a.yaml", b"\xef\xbb\xbfa: 1\n", Holder)
    assert found.document is not None
    assert found.document.place(("a",)).column == 4


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_a_problem_and_no_recursion(opening: str) -> None:
    (problem,) = read("a:\n  " + opening * 50_000).problems
    assert problem.what in (
        f"more than {DEEPEST} levels deep",
        "a list or a mapping for a key",
    )


def test_depth_that_aliases_pile_up_is_counted() -> None:
    lines = ["a0: &a0 " + "[" * 30 + "]" * 30]
    lines += [f"a{n}: &a{n} " + "[" * 30 + f"*a{n - 1}" + "]" * 30 for n in range(1, 4)]
    (problem,) = read("\n".join(lines)).problems
    assert problem.what == f"more than {DEEPEST} levels deep"
    assert problem.place.line == 3


def test_billion_laughs_end_at_the_cap_of_values() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (problem,) = read("\n".join(lines)).problems
    assert "values in one file" in problem.what


def test_file_that_is_too_large_is_not_parsed() -> None:
    (problem,) = read(b"a" * (LARGEST_FILE + 1)).problems
    assert "larger than" in problem.what


def test_alias_stands_for_a_copy_of_what_its_anchor_holds() -> None:
    text = "a: &a {x: [1, &two 2]}\nb: *a\nc: *two\n"
    assert data_of(text) == {"a": {"x": [1, 2]}, "b": {"x": [1, 2]}, "c": 2}


def test_keys_are_texts_as_they_are_written() -> None:
    data = data_of("a: {404: 1, true: 2, 1.50: 3, ~: 4, 'q': 5}\n")
    assert data["a"] == {"404": 1, "true": 2, "1.50": 3, "~": 4, "q": 5}


def test_everything_that_is_merely_not_allowed_is_told_together() -> None:
    text = "a: !x 1\na: 2\nb: {<<: 3, c: 4}\n"
    assert [problem.place.line for problem in read(text).problems] == [1, 2, 3]


def test_no_text_makes_reading_raise() -> None:
    for text in (
        "\\",
        '"\\U00110000"',
        "%",
        "&",
        "*",
        "!<",
        "|0\n",
        "- |99\n",
        "a: |x\n",
        "\u2028",
    ):
        read(text)


def test_problem_is_one_readable_line_whatever_it_cites() -> None:
    text = "endpoint: |\n  " + "x\n  " * 5000 + "\nsteps: {a: {call: s.o}}\n"
    (problem,) = read_document("a.yaml", text.encode(), CompositionFile).problems
    assert len(str(problem)) < 1000
    assert "\n" not in str(problem)
