"""Which character of the source a character of a parsed YAML scalar came from.

PyYAML marks where a scalar starts and ends; expressions need the place inside it. So this module
reads the scalar's source again, by the folding rules of YAML 1.2 (§7.3, §8.1), and compares the
result with the parsed text. Where they differ there is no map, and the scalar's start is the place.
"""

import re
from collections.abc import Iterator

_BREAK = r"(?:\r\n|[\r\n\x85])"
_FOLD = re.compile(rf"[ \t]*({_BREAK})((?:[ \t]*{_BREAK})*)[ \t]*")
_ESCAPED_FOLD = re.compile(rf"\\{_BREAK}((?:[ \t]*{_BREAK})*)[ \t]*")
_ANY_BREAK = re.compile(_BREAK)
_CODE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_LINE = re.compile(rf"([^\r\n\x85]*)({_BREAK}|\Z)")
_BLOCK_HEADER = re.compile(rf"[|>]([+-]?)([1-9]?)[+-]?[ \t]*(?:#[^\r\n\x85]*)?(?:{_BREAK}|\Z)")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f",
    "r": "\r", "e": "\x1b", " ": " ", '"': '"', "\\": "\\", "/": "/",
    "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_DEEPEST_INDENT = 200  # columns tried for a block whose header states its indentation

_Piece = tuple[str, int]  # a parsed character, and the index in the source it came from


def source_index(source: str, start: int, end: int, style: str | None, text: str, at: int) -> int:
    """The index in `source` of the character `at` of the scalar that was parsed to `text`.

    `start` and `end` enclose the scalar as PyYAML marks it, without an anchor. A folded line break
    stands at the break, an escape at its backslash; for `at` beyond the end it is the scalar's end.
    """
    pieces = _pieces(source, start, end, style, text)
    if pieces is None:
        return start
    if at < len(text):
        return pieces[max(at, 0)][1]
    if style in ("|", ">"):
        return pieces[-1][1] + 1 if pieces else start
    return end - 1 if style else end


def _pieces(source: str, start: int, end: int, style: str | None, text: str) -> list[_Piece] | None:
    if style in ("|", ">"):
        return _block_pieces(source, start, style, text)
    body = (start + 1, end - 1) if style else (start, end)
    pieces = list(_flow_pieces(source, *body, style))
    return pieces if "".join(char for char, _ in pieces) == text else None


# ------------------------------------------------------------------------------ plain and quoted


def _flow_pieces(source: str, at: int, end: int, style: str | None) -> Iterator[_Piece]:
    while at < end:
        char = source[at]
        if char in " \t\r\n\x85" and (fold := _FOLD.match(source, at, end)):
            if fold[2]:
                yield from _newlines(source, fold.start(2), fold.end(2))
            else:
                yield " ", fold.start(1)
            at = fold.end()
        elif char == "'" and style == "'":
            yield char, at
            at += 2
        elif char == "\\" and style == '"':
            if fold := _ESCAPED_FOLD.match(source, at, end):
                yield from _newlines(source, fold.start(1), fold.end(1))
                at = fold.end()
            elif code := _CODE.match(source, at):
                yield chr(int(code[1] or code[2] or code[3], 16)), at
                at = code.end()
            else:
                yield _ESCAPES.get(source[at + 1], ""), at
                at += 2
        else:
            yield char, at
            at += 1


def _newlines(source: str, start: int, end: int) -> Iterator[_Piece]:
    for found in _ANY_BREAK.finditer(source, start, end):
        yield "\n", found.start()


# ------------------------------------------------------------------------------ literal and folded


def _block_pieces(source: str, start: int, style: str, text: str) -> list[_Piece] | None:
    header = _BLOCK_HEADER.match(source, start)
    if header is None:
        return None
    lines = list(_lines(source, header.end()))
    given = source[start : header.end()].split("#")[0].strip("|>+- \t\r\n\x85")
    # A stated number adds to the parent's indentation, which is not known here: only one
    # indentation yields the parsed text.
    indents = range(int(given), _DEEPEST_INDENT) if given else (_found_indent(lines),)
    for indent in indents:
        pieces = list(_unindented(lines, indent, folded=style == ">"))
        if "".join(char for char, _ in pieces[: len(text)]) == text:
            return pieces[: len(text)]
    return None


def _lines(source: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Each line's text, where it starts, and where its break is."""
    while at < len(source):
        line = _LINE.match(source, at)
        if line is None:
            return
        yield line[1], at, line.start(2)
        at = line.end()


def _found_indent(lines: list[tuple[str, int, int]]) -> int:
    """The indentation of the first line that is not blank, or the longest of blank ones."""
    deepest = 1
    for line, _, _ in lines:
        blank = len(line) - len(line.lstrip(" "))
        deepest = max(deepest, blank)
        if blank < len(line):
            break
    return deepest


def _unindented(
    lines: list[tuple[str, int, int]], indent: int, *, folded: bool
) -> Iterator[_Piece]:
    """The block's characters with every trailing break kept: chomping only shortens that."""
    last: tuple[str, int] | None = None  # the content before, and where its break is
    blanks: list[_Piece] = []
    for line, start, end in lines:
        content = line[indent:]
        if line[:indent].strip(" "):
            break
        if not content:
            blanks.append(("\n", end))
            continue
        if last is not None:
            before, break_at = last
            if not folded or before[0] in " \t" or content[0] in " \t":
                yield "\n", break_at
            elif not blanks:
                yield " ", break_at
        yield from blanks
        blanks = []
        yield from ((char, start + indent + index) for index, char in enumerate(content))
        last = (content, end)
    if last is not None:
        yield "\n", last[1]
    yield from blanks
