"""Finds the `${…}` in a declared text.

An expression ends where the lexer meets the brace that closes it, so strings, quoted names,
literals and multi-select hashes may hold braces of their own: `${join('}', names)}`.

There is no escape, and none is needed: `$${price}` is a dollar sign and a price, as in
JavaScript's template literals; the text `${` itself is written `${'${'}`. (Taking `$${` for an
escape, as compose files do, was rejected: a price would go out as `${price}`, and no check could
find that.)
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from bff.plan.expressions.grammar.tokens import ExpressionSyntaxError, scan

_OPENING = "${"
_DOUBLE_BRACES = re.compile(r"\{\{\s*([^{}]*[^{}\s])\s*\}\}")
_DOLLAR = re.compile(r"\$([A-Za-z_]\w*(?:\.\w+|\[[^\[\]]*\])*)")
_PATH = re.compile(r"([A-Za-z_]\w*)(?:\.\w+|\[[^\[\]]*\])+")


@dataclass(frozen=True, slots=True)
class Interpolation:
    """One expression within a text, and the offset of its first character there."""

    source: str
    start: int


def split_template(text: str) -> tuple[str | Interpolation, ...]:
    """A text's parts in order, none of them empty; `("Hello ", Interpolation("user.name", 8),
    "!")`.

    Raises `ExpressionSyntaxError`, its offset in `text`, for a `${` that is not closed or holds
    nothing. The text between is only split into tokens here; whether it is an expression is for
    the parser.
    """
    parts: list[str | Interpolation] = []
    position = 0
    while (opening := text.find(_OPENING, position)) >= 0:
        if opening > position:
            parts.append(text[position:opening])
        start = opening + len(_OPENING)
        end = _closing_brace(text, start)
        source = text[start:end]
        if not source.strip():
            raise ExpressionSyntaxError(
                "nothing stands in ${ }", opening, "Name a value: ${params.id}."
            )
        parts.append(Interpolation(source, start))
        position = end + 1
    if position < len(text):
        parts.append(text[position:])
    return tuple(parts)


def forgotten_expression(text: str, roots: Collection[str]) -> str | None:
    """The expression that is most likely meant by a text without `${…}`, if one is.

    That is `{{ x }}` anywhere, `$x` alone, and `x.id` or `x[0].id` alone where `x` is among the
    names of the root.
    """
    if _OPENING in text:
        return None
    if braces := _DOUBLE_BRACES.search(text):
        return braces[1]
    bare = text.strip()
    if dollar := _DOLLAR.fullmatch(bare):
        return dollar[1]
    path = _PATH.fullmatch(bare)
    return bare if path and path[1] in roots else None


def _closing_brace(text: str, start: int) -> int:
    unclosed = ExpressionSyntaxError(
        "the ${ here is never closed", start - len(_OPENING), "Close it with }."
    )
    if "}" not in text[start:]:
        raise unclosed
    depth = 0
    try:
        for token in scan(text[start:]):
            if token.kind == "{":
                depth += 1
            elif token.kind == "}":
                if depth == 0:
                    return start + token.start
                depth -= 1
    except ExpressionSyntaxError as error:
        raise error.moved(start) from None
    raise unclosed
