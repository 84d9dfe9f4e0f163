"""Every character of a YAML text is found at the very place that it was written to.

The texts are written here, style by style, and each character's place is noted while writing: a
second account of YAML's quoting and folding, held against the one that reads.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict

from bff.declarations.declaration import Declaration
from bff.declarations.documents import read_document
from bff.errors import Place

unhurried = settings(deadline=None)

NEWLINES = st.sampled_from(["\n", "\r\n"])
LETTERS = "abé漢😀0.$_"
MARKS = LETTERS + "'\"\\{}[]#:,|>&*!%@`-?"
ESCAPES = {
    "\n": "\\n",
    "\t": "\\t",
    '"': '\\"',
    "\\": "\\\\",
    "\0": "\\0",
    "/": "\\/",
    "é": "\\u00e9",
}


class Holder(Declaration):
    """Takes any key."""

    model_config = ConfigDict(extra="allow")


@dataclass
class Writer:
    """A file in the making: what is written, and where each character of the text went."""

    newline: str
    written: str = ""
    places: list[int] = field(default_factory=list)

    def raw(self, text: str) -> None:
        """Write what is no part of the text; `\\n` is the file's line break."""
        self.written += text.replace("\n", self.newline)

    def char(self, source: str) -> None:
        """Write one character of the text as `source`."""
        self.places.append(len(self.written))
        self.raw(source)

    def fold(self, newlines: int, indent: str) -> None:
        """Write line breaks that are read as one blank, or as `newlines` newlines."""
        if not newlines:
            self.char("\n")
        else:
            self.raw("\n")
            for _ in range(newlines):
                self.char("\n")
        self.raw(indent)


@dataclass(frozen=True)
class Parent:
    """What the text is the value of: what stands before it, and how to find it."""

    before: str
    path: tuple[str | int, ...]
    indent: str  # of the lines that go on
    base: int = 0  # the indentation of the innermost mapping or list


PARENTS = st.sampled_from(
    [
        Parent("a: ", ("a",), "  "),
        Parent("# é\nz: 1\na:   ", ("a",), "    "),
        Parent("a:\n  - x\n  - ", ("a", 1), "      ", 2),
        Parent("a:\n    b:\n    - c: ", ("a", "b", 0, "c"), "         ", 6),
        Parent("a: &anchor ", ("a",), "  "),
        Parent("'a':\n - &x\n   ", ("a", 0), "   ", 1),
    ]
)


def words(alphabet: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.text(alphabet, min_size=1, max_size=5), min_size=1, max_size=6)


def check(writer: Writer, parent: Parent, text: str) -> None:
    """The file parses to the text, and each of its characters is where it was written."""
    writer.raw("\nafter: 1\n" if not writer.written.endswith("\n") else "after: 1\n")
    read = read_document("a.yaml", writer.written.encode(), Holder)
    assert read.document is not None, (writer.written, read.problems)
    value: object = read.document.model.model_extra
    for part in parent.path:
        value = value[part]  # type: ignore[index]
    assert value == text, writer.written
    for offset, index in enumerate(writer.places):
        before = writer.written[:index]
        line_start = before.rfind("\n") + 1
        expected = Place("a.yaml", before.count("\n") + 1, index - line_start + 1)
        assert read.document.place_in_text(parent.path, offset) == expected, (
            writer.written,
            offset,
        )


# ------------------------------------------------------------------------------ plain and quoted


@unhurried
@given(st.data(), PARENTS, NEWLINES)
def test_every_character_of_a_plain_text_is_found(
    data: st.DataObject, parent: Parent, newline: str
) -> None:
    writer = Writer(newline)
    writer.raw(parent.before)
    text = _write_folded_words(data, writer, parent, data.draw(words("aé漢😀.$'\"{}_")), "x")
    check(writer, parent, text)


@unhurried
@given(st.data(), PARENTS, NEWLINES)
def test_every_character_of_a_single_quoted_text_is_found(
    data: st.DataObject, parent: Parent, newline: str
) -> None:
    writer = Writer(newline)
    writer.raw(parent.before + "'")
    text = _write_folded_words(data, writer, parent, data.draw(words(MARKS)), "", {"'": "''"})
    writer.raw("'")
    check(writer, parent, text)


def _write_folded_words(
    data: st.DataObject,
    writer: Writer,
    parent: Parent,
    parts: list[str],
    first: str,
    escapes: dict[str, str] | None = None,
) -> str:
    """Write words with blanks, folds or line breaks between them; gives the text."""
    parts[0] = first + parts[0]
    text = ""
    for position, part in enumerate(parts):
        if position:
            between = data.draw(st.sampled_from([" ", "  ", "fold", "\n", "\n\n"]))
            if between == "fold":
                writer.fold(0, parent.indent)
                text += " "
            elif between[0] == "\n":
                writer.fold(len(between), parent.indent)
                text += between
            else:
                for blank in between:
                    writer.char(blank)
                text += between
        for char in part:
            writer.char((escapes or {}).get(char, char))
        text += part
    return text


@unhurried
@given(st.data(), PARENTS, NEWLINES, st.text(MARKS + " \n\t\0", max_size=20))
def test_every_character_of_a_double_quoted_text_is_found(
    data: st.DataObject, parent: Parent, newline: str, text: str
) -> None:
    writer = Writer(newline)
    writer.raw(parent.before + '"')
    after_break = False
    for char in text:
        code = ord(char)
        forms = [f"\\U{code:08x}"]
        if code < 0x100:
            forms.append(f"\\x{code:02X}")
        if code < 0x10000:
            forms.append(f"\\u{code:04x}")
        if char in ESCAPES:
            forms.append(ESCAPES[char])
        if char.isprintable() and char not in '"\\' and not (after_break and char == " "):
            forms.append(char)
        writer.char(data.draw(st.sampled_from(forms)))
        after_break = data.draw(st.integers(0, 5)) == 0
        if after_break:
            writer.raw("\\\n" + parent.indent)
    writer.raw('"')
    check(writer, parent, text)


# ------------------------------------------------------------------------------ block texts


def block_lines() -> st.SearchStrategy[list[str]]:
    """Lines with something in them, some indented, some blank in between."""
    line = st.builds(
        lambda blanks, text, end: " " * blanks + text + end,
        st.sampled_from([0, 0, 0, 1, 3]),
        st.text(MARKS, min_size=1, max_size=6),
        st.sampled_from(["", "", "  "]),
    )
    return st.lists(st.one_of(line, line, st.just("")), min_size=1, max_size=6).filter(any)


def _write_header(
    data: st.DataObject, writer: Writer, parent: Parent, kind: str, lines: list[str], newlines: int
) -> str:
    """Write a block's header; gives the indentation of its lines."""
    first = next(line for line in lines if line)
    # What a number counts from is the indentation of the mapping or list around.
    counted = len(parent.indent) - parent.base
    must_say = first[0] == " "
    number = str(counted) if must_say or data.draw(st.booleans()) else ""
    chomping = {0: "-", 1: data.draw(st.sampled_from(["", "+"]))}.get(newlines, "+")
    parts = [number, chomping] if data.draw(st.booleans()) else [chomping, number]
    comment = data.draw(st.sampled_from(["", " # é"]))
    writer.raw(f"{kind}{''.join(parts)}{comment}\n")
    return parent.indent


@unhurried
@given(st.data(), PARENTS, NEWLINES, block_lines(), st.integers(0, 3))
def test_every_character_of_a_literal_text_is_found(
    data: st.DataObject, parent: Parent, newline: str, lines: list[str], newlines: int
) -> None:
    lines = _without_blank_ends(lines)
    writer = Writer(newline)
    writer.raw(parent.before)
    indent = _write_header(data, writer, parent, "|", lines, newlines)
    for position, line in enumerate(lines):
        writer.raw(indent if line else "")
        for char in line:
            writer.char(char)
        if position < len(lines) - 1:
            writer.char("\n")
    _write_end(writer, newlines)
    check(writer, parent, "\n".join(lines) + "\n" * newlines)


@unhurried
@given(st.data(), PARENTS, NEWLINES, block_lines(), st.integers(0, 3))
def test_every_character_of_a_folded_text_is_found(
    data: st.DataObject, parent: Parent, newline: str, lines: list[str], newlines: int
) -> None:
    lines = _without_blank_ends(lines)
    writer = Writer(newline)
    writer.raw(parent.before)
    indent = _write_header(data, writer, parent, ">", lines, newlines)
    text = ""
    before = ""  # the line with something in it that came last
    for position, line in enumerate(lines):
        if line and before:
            blanks = _blanks_before(lines, position)
            if " " in (before[0], line[0]):  # next to an indented line nothing is folded
                writer.char("\n")
                text += "\n"
            elif blanks:
                writer.raw("\n")
            else:
                writer.char("\n")
                text += " "
            for _ in range(blanks):
                writer.char("\n")
            text += "\n" * blanks
        elif not line and not before:
            writer.char("\n")
            text += "\n"
        if line:
            writer.raw(indent)
            for char in line:
                writer.char(char)
            text += line
            before = line
    _write_end(writer, newlines)
    check(writer, parent, text + "\n" * newlines)


def _without_blank_ends(lines: list[str]) -> list[str]:
    while not lines[-1]:
        lines = lines[:-1]
    return lines


def _blanks_before(lines: list[str], position: int) -> int:
    blanks = 0
    while not lines[position - 1 - blanks]:
        blanks += 1
    return blanks


def _write_end(writer: Writer, newlines: int) -> None:
    if not newlines:
        writer.raw("\n")
    for _ in range(newlines):
        writer.char("\n")
