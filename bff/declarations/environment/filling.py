"""Fills the data of a file with what its `${env.NAME}` and `${secret.NAME}` stand for.

Rules:
1. A text with a reference becomes a `FilledText`; with a reference to a secret it becomes a
   `Secret`, whatever is beside it. What is filled in is not searched for references.
2. Without an environment, a reference counts by its default. A name without one is wanted.
3. A text that can't be filled is lost: its value is not known, and is no other problem. With an
   environment, each name that is missing is a fault at its place. A secret that nobody reads is a
   secret all the same, so that what is declared of it can be shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bff.declarations.environment.references import (
    BadReference,
    Name,
    Reference,
    mentions_environment,
    mentions_shell,
    references_in,
)
from bff.declarations.yaml.scalars import NumberTooLong, resolve_plain
from bff.declarations.yaml.tree import KeyPath
from bff.environment import Environment, UnusableValue
from bff.secret import Secret, UnreadSecret

ANY: Final = "*"  # in a pattern: any key, or any index


MOST_FILLED: Final = 1024 * 1024  # characters of all filled texts of a file
_UNREAD: Final = "unread"
LOST: Final = object()  # stands for a lost text


class FilledText(str):
    """A text from the environment. Variables are texts, and a key may want a number: so it is read
    as YAML reads a plain one where no text is wanted."""

    __slots__ = ()

    def plain(self) -> str | int | float | bool | None:
        """What YAML makes of it."""
        try:
            return resolve_plain(self)
        except NumberTooLong:
            return str(self)


@dataclass(frozen=True, slots=True)
class EnvironmentUse:
    """Where a kind of file refers to the environment; patterns cover all that is below them."""

    secrets: tuple[tuple[str, ...], ...] = ()  # where secrets may stand
    expressions: tuple[tuple[str, ...], ...] = ()  # where requests evaluate what stands there


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at the character `offset` of the text at `path`."""

    path: KeyPath
    offset: int
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class WantedName:
    """A name without a value and without a default, at the character `offset` of a text."""

    path: KeyPath
    offset: int
    name: Name


@dataclass(frozen=True, slots=True)
class FilledData:
    """The data, with `LOST` for each lost text."""

    data: Any
    faults: tuple[Fault, ...]
    wanted: tuple[WantedName, ...]
    lost: frozenset[KeyPath]
    unread: frozenset[KeyPath]  # of secrets that stand for what was not read


def fill(data: Any, use: EnvironmentUse | None, environment: Environment | None) -> FilledData:
    """The data, filled. `use` is None for a file in which every reference is a fault."""
    filling = _Filling(use, environment)
    filled = filling.value(data, ())
    return FilledData(
        filled,
        tuple(filling.faults),
        tuple(filling.wanted),
        frozenset(filling.lost),
        frozenset(filling.unread),
    )


class _Filling:
    def __init__(self, use: EnvironmentUse | None, environment: Environment | None) -> None:
        self.use = use
        self.environment = environment
        self.left = MOST_FILLED
        self.faults: list[Fault] = []
        self.wanted: list[WantedName] = []
        self.lost: set[KeyPath] = set()
        self.unread: set[KeyPath] = set()

    def value(self, value: Any, path: KeyPath) -> Any:
        match value:
            case str():
                return self._text(value, path)
            case list():
                return [self.value(each, (*path, index)) for index, each in enumerate(value)]
            case dict():
                return {key: self.value(each, (*path, key)) for key, each in value.items()}
            case _:
                return value

    def _text(self, text: str, path: KeyPath) -> object:
        offset, shell = mentions_environment(text), mentions_shell(text)
        if offset is None and shell is None:
            return text
        takes_values = self.use is not None and not _covers(self.use.expressions, path)
        if offset is None and not takes_values:
            return text
        filled: object = LOST
        if takes_values and shell is not None:
            self._fault(path, shell.offset, *_as_in_a_shell(shell.name))
        elif takes_values:
            filled = self._filled(text, path)
        elif offset is not None:
            self._fault(path, offset, *(_IN_EXPRESSION if self.use else _IN_COMPOSITION))
        if filled is LOST:
            self.lost.add(path)
        return filled

    def _filled(self, text: str, path: KeyPath) -> object:
        """The text with a value for each reference; `LOST` where one has none."""
        try:
            references = list(references_in(text))
        except BadReference as bad:
            self._fault(path, bad.offset, bad.what, bad.mend)
            return LOST
        values = [self._value(each, path) for each in references]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return LOST
        self.left -= len(text) + sum(map(len, known))
        if self.left < 0:
            what = f"the values of the environment have over {MOST_FILLED} characters in this file"
            self._fault(path, references[0].start, what, "Set shorter ones, or refer to them less.")
            return LOST
        whole = _joined(text, references, known)
        if any(name.kind == "secret" for each in references for name in each.names()):
            return UnreadSecret(whole) if path in self.unread else Secret(whole)
        return FilledText(whole)

    def _value(self, reference: Reference, path: KeyPath) -> str | None:
        for name in reference.names():
            if name.kind == "secret" and self.use and not _covers(self.use.secrets, path):
                self._fault(path, name.offset, *_SECRET_ELSEWHERE)
                return None
        for each in reference.alternatives:
            if isinstance(each, str):
                return each
            try:
                value = self.environment.read(each.kind, each.name) if self.environment else None
            except UnusableValue as error:
                self._fault(path, each.offset, error.what, error.mend)
                return None
            if isinstance(value, UnreadSecret):
                self.unread.add(path)
            if value is not None:
                return value.reveal() if isinstance(value, Secret) else value
        first = reference.names()[0]
        if self.environment is not None:
            self._fault(path, first.offset, *_missing(reference.names()))
            return None
        self.wanted.append(WantedName(path, first.offset, first))
        if all(name.kind == "env" for name in reference.names()):
            return None
        self.unread.add(path)
        return _UNREAD

    def _fault(self, path: KeyPath, offset: int, what: str, mend: str) -> None:
        self.faults.append(Fault(path, offset, what, mend))


_IN_COMPOSITION = (
    "a composition reads neither the environment nor secrets",
    "Let the service's file send it: headers, query or auth in services/<name>.yaml.",
)
_IN_EXPRESSION = (
    "the environment is read when a release is built, and requests evaluate this",
    "Write the value itself; secrets belong to headers, query and auth of a service.",
)
_SECRET_ELSEWHERE = (
    "a secret can't stand here",
    "Secrets belong to identity, and to headers, query, auth, tls and proxy of a service; use"
    " env.NAME for what may be seen.",
)


def _joined(text: str, references: Sequence[Reference], values: Sequence[str]) -> str:
    """The text with the values in the place of the references."""
    pieces: list[str] = []
    position = 0
    for reference, value in zip(references, values, strict=True):
        pieces += [text[position : reference.start], value]
        position = reference.end
    return "".join([*pieces, text[position:]])


def _covers(patterns: Sequence[tuple[str, ...]], path: KeyPath) -> bool:
    """Whether the path is at one of the patterns, or below it."""
    return any(
        len(pattern) <= len(path)
        and all(part in (ANY, key) for part, key in zip(pattern, path, strict=False))
        for pattern in patterns
    )


def _as_in_a_shell(name: str) -> tuple[str, str]:
    return (
        f"'{name}' names nothing that is read here",
        f"A variable is ${{env.{name}}}, with a default ${{env.{name} || 'text'}}.",
    )


def _missing(names: Sequence[Name]) -> tuple[str, str]:
    shown = " and ".join(str(name) for name in names)
    what = f"{shown} {'is' if len(names) == 1 else 'are'} not set"
    first = names[0]
    if first.kind == "env":
        return what, f"Set the variable {first.name}, or give a default: ${{{first} || 'text'}}."
    return what, f"Store it as {first.name} in BFF_SECRETS_DIR, or set the variable {first.name}."
