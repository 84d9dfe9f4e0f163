"""`${env.NAME}` and `${secret.NAME}` in a text, each with `||` for a default.

A reference is an alternative of the environment's names and of constants, as JMESPath writes them:
`${env.URL || 'http://127.0.0.1:9102'}`, `${secret."orders-token"}`, ``${env.SIZE || `20`}``. The
first that is there and not empty counts. Other expressions are not read here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bff.environment import Kind

LONGEST_NAME: Final = 200  # characters
MOST_ALTERNATIVES: Final = 16

_OPENING = re.compile(r"\$\{(?=\s*(?:env|secret)\s*\.)")
_SHELL = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?[-?+=][^}]*)?\}")
_BLANKS = re.compile(r"\s*")
_NAME = re.compile(r"(env|secret)\s*\.\s*(?:([A-Za-z_][A-Za-z0-9_]*)|\"([^\"\\]*)\")")
_RAW = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_LITERAL = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL)
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Name:
    """`env.NAME` or `secret.NAME`, and the offset where it stands in its text."""

    kind: Kind
    name: str
    offset: int

    def __str__(self) -> str:
        plain = self.name.replace("_", "a").isalnum()
        return f"{self.kind}.{self.name}" if plain else f'{self.kind}."{self.name}"'


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${…}`: what to try in order; a text is a constant."""

    alternatives: tuple[Name | str, ...]
    start: int
    end: int  # behind its brace

    def names(self) -> tuple[Name, ...]:
        """The names among the alternatives; there is always one."""
        return tuple(each for each in self.alternatives if isinstance(each, Name))


class BadReference(Exception):
    """A `${env…}` that can't be read; `offset` counts characters of the text."""

    def __init__(self, offset: int, what: str, mend: str) -> None:
        self.offset = offset
        self.what = what
        self.mend = mend
        super().__init__(what)


def mentions_environment(text: str) -> int | None:
    """The offset of the first expression that begins with the environment; None without one."""
    found = _OPENING.search(text)
    return None if found is None else found.start()


def mentions_shell(text: str) -> Name | None:
    """The first variable that is written as shells write it: `${NAME}`, `${NAME:-default}`."""
    found = _SHELL.search(text)
    return None if found is None else Name("env", found[1], found.start())


def references_in(text: str) -> Iterator[Reference]:
    """The references of a text, in order. Raises `BadReference`."""
    position = 0
    while found := _OPENING.search(text, position):
        reference = _reference(text, found.start(), found.end())
        yield reference
        position = reference.end


def _reference(text: str, start: int, position: int) -> Reference:
    alternatives: list[Name | str] = []
    while True:
        each, position = _alternative(text, _skip(text, position))
        alternatives.append(each)
        position = _skip(text, position)
        if text.startswith("}", position):
            break
        if not text.startswith("||", position):
            raise _misread(text, start, position)
        if len(alternatives) == MOST_ALTERNATIVES:
            raise BadReference(position, f"more than {MOST_ALTERNATIVES} alternatives", "")
        position += 2
    return Reference(tuple(alternatives), start, position + 1)


def _alternative(text: str, position: int) -> tuple[Name | str, int]:
    if found := _NAME.match(text, position):
        name = found[2] or found[3] or ""
        if len(name) > LONGEST_NAME or not _FILE_NAME.fullmatch(name):
            raise BadReference(
                position, "this is no name of a variable or a secret",
                "Use letters, digits, underscores, dashes and dots.",
            )  # fmt: skip
        kind: Literal["env", "secret"] = "env" if found[1] == "env" else "secret"
        return Name(kind, name, position), found.end()
    if found := _RAW.match(text, position):
        return re.sub(r"\\(['\\])", r"\1", found[1]), found.end()
    if found := _LITERAL.match(text, position):
        return _constant(found[1].replace("\\`", "`"), position), found.end()
    raise BadReference(
        position, "this is neither a name of the environment nor a constant",
        "Write env.NAME, secret.NAME or 'a text'.",
    )  # fmt: skip


def _constant(literal: str, position: int) -> str:
    try:
        value = json.loads(literal)
    except (ValueError, RecursionError):
        value = None
    match value:
        case str():
            return value
        case bool() | int() | float():
            return literal.strip()
        case _:
            raise BadReference(
                position, "this constant is no text, number or boolean",
                "Write a text in single quotes: 'a text'.",
            )  # fmt: skip


def _misread(text: str, start: int, position: int) -> BadReference:
    if position >= len(text):
        return BadReference(start, "the ${ here is never closed", "Close it with }.")
    if text[position] in "-.":
        return BadReference(
            position, "a name ends here", 'A name with dashes or dots stands in quotes: env."a-b".'
        )
    return BadReference(
        position, "only `||` and a default may follow a name of the environment",
        "Write ${env.NAME || 'a default'}.",
    )  # fmt: skip


def _skip(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return position if found is None else found.end()
