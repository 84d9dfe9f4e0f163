"""PyYAML's errors in plain words, for people who write compositions.

Most parse errors here come from an expression without quotes: `{`, `,` and `: ` in it are YAML's
own. An error inside an expression is reported as that.
"""

import re
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

_QUOTE_IT = "Put it in quotes: \"${…}\", or '${…}' when it holds double quotes."


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """A parse error: the index in the source, what is wrong, and how to mend it."""

    index: int
    what: str
    mend: str = ""


_NEVER_CLOSED = "found unexpected end of stream"
_NO_COLON = "could not find expected ':'"
_REPORTED_AT_THE_END = (_NEVER_CLOSED, _NO_COLON)  # of what the context's mark starts

# A part of PyYAML's message → what is wrong, how to mend it. The first that occurs counts.
_WORDS = (
    (
        "found character '\\t' that cannot start any token",
        "a tab where YAML wants blanks",
        "Indent with blanks.",
    ),
    (
        _NEVER_CLOSED,
        "a quote that is never closed",
        "Close it, or double the quotes within: ''.",
    ),
    (
        "that cannot start any token",
        "a text that starts with a character of YAML's own",
        "Put the text in quotes.",
    ),
    (
        "mapping values are not allowed here",
        "a colon where no key can stand",
        "Put the text in quotes if the colon belongs to it; else look at the indentation.",
    ),
    (
        _NO_COLON,
        "a line that is no `key: value`",
        "Write a colon and a blank after the key, or indent a text that goes on.",
    ),
    (
        "while parsing a flow",
        "a `{…}` or `[…]` that lacks a comma or its end",
        "Separate with commas, close it, and put texts that hold any of `{}[],` in quotes.",
    ),
    (
        "expected <block end>",
        "this does not line up with what is above it",
        "Give keys of one mapping, and dashes of one list, the same indentation.",
    ),
    (
        "found unknown escape character",
        "an escape that YAML does not know",
        "Write \\\\ for a backslash, or use single quotes.",
    ),
    (
        "incompatible YAML document",
        "a %YAML directive of another version",
        "Leave it out.",
    ),
)


def explain_syntax(source: str, error: Exception) -> SyntaxProblem:
    """The problem of PyYAML's `error`; of other errors, with their own text."""
    if isinstance(error, ReaderError):
        code = ord(source[error.position])
        escape = f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"
        return SyntaxProblem(
            error.position,
            f"the character U+{code:04X}, which YAML does not allow",
            f'Leave it out, or write its escape within double quotes: "{escape}".',
        )
    if not isinstance(error, yaml.MarkedYAMLError):
        return SyntaxProblem(0, f"YAML that can't be read: {error}")
    mark = error.problem_mark or error.context_mark
    index = min(mark.index, len(source)) if mark is not None else 0
    message = f"{error.context or ''} {error.problem or ''}".strip()
    if any(part in message for part in _REPORTED_AT_THE_END) and error.context_mark is not None:
        index = error.context_mark.index
    elif (expression := _expression_around(source, index)) is not None:
        return expression
    for part, what, mend in _WORDS:
        if part in message:
            return SyntaxProblem(index, what, mend)
    return SyntaxProblem(index, message or "YAML that can't be read")


def _expression_around(source: str, index: int) -> SyntaxProblem | None:
    """The problem where `index` lies inside an expression: it lacks quotes, or its quotes end
    within it."""
    opened = source.rfind("${", max(0, index - 2000), index + 1)
    if opened < 0 or not _is_open(source[opened + 1 : index]):
        return None
    line = source[source.rfind("\n", 0, opened) + 1 : opened]
    quote = re.search(r"""(?:^|[\s,\[{])(['"])[^'"]*$""", line)
    if quote is not None:
        other, doubled = ('"', "''") if quote[1] == "'" else ("'", '\\"')
        return SyntaxProblem(
            opened,
            "the quotes around this expression end inside it",
            f"Use {other} around it, or {doubled} within.",
        )
    return SyntaxProblem(
        opened, "this expression has no quotes, and YAML reads part of it as its own", _QUOTE_IT
    )


def _is_open(after_dollar: str) -> bool:
    """Whether the braces of an expression are still open at the end; quotes are not looked at."""
    depth = 0
    for position, char in enumerate(after_dollar):
        depth += (char == "{") - (char == "}")
        if depth <= 0 and position:
            return False
    return True
