"""An expression's tokens, each with its place, and the error of broken syntax.

The tokens are the `jmespath` library's. Two things are stricter than there: what stands in
backticks must be JSON (the library takes `` `abc` `` for a string, with a warning), and every
value must be one that JSON text in UTF-8 can carry (no NaN, no Infinity, no lone surrogates).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from jmespath.exceptions import JMESPathError, LexerError
from jmespath.lexer import Lexer

MAX_DEPTH = 64  # of nesting: expressions and literals; far below Python's recursion limit
_MAX_DIGITS = 18  # of an index: no list is longer
_BLANKS = " \t\n\r"

_MENDS = {
    "=": "Compare with `==`.",
    "?": "There is no `?:`. Write `condition && this || that`.",
    "$": "Names are read from the root without a sign.",
    **dict.fromkeys("+/%", "There is no arithmetic in expressions."),
}


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
    """One token; `kind` is the library's name for it, `text` is as written."""

    kind: str
    value: Any
    start: int


def scan(source: str) -> Iterator[Token]:
    """The tokens of an expression one by one, the last of kind `eof`.

    It reads one token at a time, so what follows an expression need not be one.
    Raises `ExpressionSyntaxError`.
    """
    if not source:
        yield Token("eof", "", 0)
        return
    try:
        for token in _StrictLexer().tokenize(source):
            _require_utf8(token["value"], token["start"])
            yield Token(token["type"], token["value"], token["start"])
    except LexerError as error:
        raise _explained(error, source) from None
    except JMESPathError as error:  # pragma: no cover - the lexer raises no other
        raise ExpressionSyntaxError(str(error), 0) from None


def end_of(source: str, following: int) -> int:
    """Where a token ends, given where the next one starts (the library's own ends are off)."""
    while following and source[following - 1] in _BLANKS:
        following -= 1
    return following


class _StrictLexer(Lexer):  # type: ignore[misc]
    """The library's lexer, strict about literals."""

    def _consume_literal(self) -> dict[str, Any]:
        start: int = self._position
        text = self._consume_until("`").replace("\\`", "`")
        value = _json_literal(text, start)
        return {"type": "literal", "value": value, "start": start, "end": start}

    def _consume_number(self) -> str:
        start: int = self._position
        digits: str = super()._consume_number()
        if len(digits) > _MAX_DIGITS:
            raise ExpressionSyntaxError("the number has too many digits", start)
        return digits


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


def _explained(error: LexerError, source: str) -> ExpressionSyntaxError:
    at = error.lexer_position
    message = str(error.message)
    if message.startswith("Unclosed"):
        return ExpressionSyntaxError(f"the {source[at]} here is never closed", at)
    if source[at] == '"':
        return ExpressionSyntaxError(
            "the name in double quotes is not written as in JSON", at, f"{message}."
        )
    character = source[at]
    if character == "-":
        mend = "A name with a dash stands in double quotes; there is no arithmetic."
    elif character.isalnum():
        mend = "A name with this letter stands in double quotes."
    else:
        mend = _MENDS.get(character, "")
    return ExpressionSyntaxError(f"unexpected {character!r}", at, mend)
