"""Plain data to a frozen model; pydantic's errors become violations in plain words."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic_core import ErrorDetails

from bff.declarations.declaration import ERROR_TYPE, TOLERANT, Declaration, Violation, keys_of
from bff.declarations.suggestions import known_names

M = TypeVar("M", bound=Declaration)
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class ValidationResult(Generic[M]):
    """A model with what is right of its data, the violations of the rest, and the paths whose
    values are therefore not known."""

    model: M
    violations: tuple[Violation, ...]
    unknown: frozenset[_Path]


def validate(data: object, model: type[M]) -> ValidationResult[M]:
    """The model of `data`, as far as it is one."""
    found = model.model_validate(data, context=TOLERANT)
    violations: list[Violation] = []
    unknown: set[_Path] = set()
    for path, declared in _declarations(found, ()):
        unknown |= {(*path, key) for key in declared.unknown}
        violations += [
            replace(each, path=(*path, *each.path)) for each in _all_violations(declared)
        ]
    return ValidationResult(found, tuple(violations), frozenset(unknown))


def _all_violations(declared: Declaration) -> Iterator[Violation]:
    """The violations of the mapping's own keys, between them, and below its misspelt keys."""
    for error in declared.errors:
        yield from _violations(error, type(declared))
    yield from _empty_keys(declared)
    yield from declared.violations()
    for misspelt in declared.misspelt:
        for path, mended in _declarations(misspelt.mended, ()):
            for each in _all_violations(mended):
                whole = (*path, *each.path)
                if whole[:1] == (misspelt.meant,):
                    yield replace(each, path=(misspelt.key, *whole[1:]))


def _empty_keys(declared: Declaration) -> Iterator[Violation]:
    """The keys with nothing after them, which would mean the same as no key at all."""
    for key, (name, field) in zip(
        keys_of(type(declared)), type(declared).model_fields.items(), strict=True
    ):
        is_given = name in declared.model_fields_set and declared.knows(key)
        if is_given and field.annotation is not Any and getattr(declared, name) is None:
            yield Violation("has no value", "Give it a value, or leave the key out.", (key,))


def _declarations(value: Any, path: _Path) -> Iterator[tuple[_Path, Declaration]]:
    """Every mapping that a model describes, with its path in the file."""
    parts: list[tuple[str | int, Any]]
    match value:
        case Declaration():
            yield path, value
            parts = [
                (key, getattr(value, name))
                for key, name in zip(keys_of(type(value)), type(value).model_fields, strict=True)
            ]
        case dict():
            parts = [each for each in value.items() if isinstance(each[1], Declaration)]
        case tuple():
            parts = [each for each in enumerate(value) if isinstance(each[1], Declaration)]
        case _:
            return
    for key, part in parts:
        yield from _declarations(part, (*path, key))


def _violations(error: ErrorDetails, model: type[Declaration]) -> list[Violation]:
    path: _Path = error["loc"]
    match error["type"]:
        case kind if kind == ERROR_TYPE:
            found: tuple[Violation, ...] = error["ctx"]["violations"]
            return [replace(each, path=(*path, *each.path)) for each in found]
        case "extra_forbidden":
            name = str(path[-1])
            mend = known_names(name, keys_of(model))
            violation = Violation(f"unknown key '{name}'", mend, path, at_key=True)
        case "missing":
            violation = Violation(f"needs the key '{path[-1]}'", "", path[:-1])
        case _ if error["input"] is None:
            violation = Violation("has no value", _none_mend(error), path)
        case _:
            what, mend = _words(error)
            violation = Violation(what, mend, path)
    return [violation]


def _none_mend(error: ErrorDetails) -> str:
    wanted = _WANTED.get(error["type"], "a value")
    return f"Give it {wanted}, or leave the key out."


_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "tuple_type": "a list",
    "list_type": "a list",
}

_Words = Callable[[Any], tuple[str, str]]

_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "more than {}"),
    "greater_than_equal": ("ge", "at least {}"),
    "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"),
}


def _words(error: ErrorDetails) -> tuple[str, str]:
    kind, value = error["type"], error["input"]
    if kind in _WANTED:
        return f"{_shown(value)} is not {_WANTED[kind]}", _quote_mend(kind, value)
    if kind in _BOUNDS:
        name, form = _BOUNDS[kind]
        return f"{_shown(value)} is not {form.format(error['ctx'][name])}", ""
    if kind == "too_short":  # every least length here is one
        return "is empty", "It needs at least one entry."
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
        return f"{_shown(value)} means nothing here", known_names(str(value), known)
    return error["msg"][:1].lower() + error["msg"][1:], ""


def _quote_mend(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "Put it in quotes if it is a text."
    if kind == "bool_type" and isinstance(value, str):
        return "YAML 1.2 has true and false alone for this, without quotes."
    return ""


def _shown(value: object) -> str:
    match value:
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return "true" if value else "false"
        case str() if len(value) > 60:
            return f"'{value[:60]}…'"
        case str():
            return f"'{value}'"
        case _:
            return str(value)
