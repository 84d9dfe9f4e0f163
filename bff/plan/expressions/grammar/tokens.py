"""An expression's tokens, each with its place, and the error of broken syntax.

The tokens are JMESPath Community's. Stricter than there: every value must be one that JSON text in
UTF-8 can carry (no NaN, no Infinity, no lone surrogates).
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

MAX_DEPTH = 64  # of nesting: expressions and literals; far below Python's recursion limit
_MAX_DIGITS = 18  # of an index or a whole number: no list is longer

_SIGNS = (
    "||", "&&", "==", "!=", "<=", ">=", "//", "[]", "[?",
    *"|&=!<>/[].*,:@(){}+-%?",
)  # fmt: skip
_SPELLINGS = {"×": "*", "÷": "/", "\N{MINUS SIGN}": "-"}
_TOKEN = re.compile(
    r"""
      (?P<blank>   [\ \t\n\r]+ )
    | (?P<name>    [A-Za-z_][A-Za-z0-9_]* )
    | (?P<number>  [0-9]+ (?: \.[0-9]+ )? (?: [eE][+-]?[0-9]+ )? )
    | (?P<variable> \$[A-Za-z_][A-Za-z0-9_]* )
    | (?P<quoted>  " (?: [^"\\] | \\. )* " )
    | (?P<raw>     ' (?: [^'\\] | \\. )* ' )
    | (?P<literal> ` (?: [^`\\] | \\. )* ` )
    | (?P<sign>    \$ | """
    + " | ".join(map(re.escape, (*_SIGNS, *_SPELLINGS)))
    + " )",
    re.VERBOSE | re.DOTALL,
)


class ExpressionSyntaxError(ValueError):
    """An expression or template that can't be read: `what` is wrong, how to `mend` it, and the
    `offset` in characters within the text that was given."""

    def __init__(self, what: str, offset: int, mend: str = "") -> None:
        self.what = what
        self.offset = offset
        self.mend = mend
        super().__init__(f"{what}. {mend}".rstrip(". "))

    def moved(self, by: int) -> "ExpressionSyntaxError":
        """The same error, in a text that begins `by` characters earlier."""
        return ExpressionSyntaxError(self.what, self.offset + by, self.mend)


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    `kind` is `name`, `quoted` (a name in double quotes), `variable`, `number`, `literal` (of
    either quotes), `end`, or the sign itself: `[?`, `&&`, `*`. `value` is the name, or the JSON
    value, `text` is as written.
    """

    kind: str
    value: Any
    text: str
    start: int
    end: int


def scan(source: str) -> Iterator[Token]:
    """The tokens of an expression one by one, the last of kind `end`, where the last one ends.

    It reads one token at a time, so what follows an expression need not be one.
    Raises `ExpressionSyntaxError`.
    """
    position = ended = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _unreadable(source, position)
        position = match.end()
        if match.lastgroup != "blank":
            ended = position
            yield _token(str(match.lastgroup), match[0], match.start())
    yield Token("end", "", "", ended, ended)


def _token(group: str, text: str, start: int) -> Token:
    kind = group
    value: Any = text
    match group:
        case "sign":
            kind = value = _SPELLINGS.get(text, text)
        case "variable":
            value = text[1:]
        case "number":
            value = _number(text, start)
        case "quoted":
            value = _name_in_quotes(text, start)
        case "raw":
            kind, value = "literal", re.sub(r"\\(['\\])", r"\1", text[1:-1])
        case "literal":
            value = _json_literal(text[1:-1].replace("\\`", "`"), start)
    if kind in ("quoted", "literal"):
        _require_utf8(value, start)
    return Token(kind, value, text, start, start + len(text))


def _number(text: str, start: int) -> int | float:
    if text.isdigit() and len(text) > _MAX_DIGITS:
        mend = "As an operand it stands in backticks."
        raise ExpressionSyntaxError("the number has too many digits", start, mend)
    if text[0] == "0" and text[1:2].isdigit():
        raise ExpressionSyntaxError(f"unexpected {text!r}", start, "A number begins with no 0.")
    value: int | float = _json_literal(text, start)
    return value


def _name_in_quotes(text: str, start: int) -> str:
    try:
        name: str = json.loads(text)
    except ValueError as error:
        why = str(error).split(":")[0]
        raise ExpressionSyntaxError(
            "the name in double quotes is not written as in JSON", start, f"{why}."
        ) from None
    return name


def _json_literal(text: str, start: int) -> Any:
    def refuse(_text: str) -> NoReturn:
        raise ExpressionSyntaxError(
            "a number that is not finite", start, "JSON has neither NaN nor Infinity."
        )

    def finite(digits: str) -> float:
        number = float(digits)
        return number if math.isfinite(number) else refuse(digits)

    try:
        value = json.loads(text, parse_constant=refuse, parse_float=finite)
    except ExpressionSyntaxError:
        raise
    except ValueError:
        raise ExpressionSyntaxError(
            "what stands in backticks is no JSON", start, _literal_mend(text.strip())
        ) from None
    except RecursionError:
        value = None
        depth = MAX_DEPTH + 1
    else:
        depth = _depth(value)
    if depth > MAX_DEPTH:
        raise ExpressionSyntaxError(f"the literal is nested more than {MAX_DEPTH} deep", start)
    return value


def _literal_mend(text: str) -> str:
    if text and "'" not in text and '"' not in text and len(text) <= 40:
        return f"If it is a string, write '{text}'."
    return "A string stands in single quotes: 'text'."


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level := [part for parent in level for part in _parts(parent)]:
        depth += 1
    return depth


def _parts(value: Any) -> list[Any]:
    match value:
        case list():
            return value
        case dict():
            return list(value.values())
        case _:
            return []


def _require_utf8(value: Any, start: int) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ExpressionSyntaxError("half of a surrogate pair is no character", start) from None


def _unreadable(source: str, at: int) -> ExpressionSyntaxError:
    character = source[at]
    if character in "\"'`":
        return ExpressionSyntaxError(f"the {character} here is never closed", at)
    mend = "A name with this letter stands in double quotes." if character.isalnum() else ""
    return ExpressionSyntaxError(f"unexpected {character!r}", at, mend)
