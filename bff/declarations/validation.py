"""Plain data to a frozen model; pydantic's errors become findings in words for people."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bff.declarations.findings import ERROR_TYPE, Finding
from bff.declarations.hints import known_names

M = TypeVar("M", bound=BaseModel)
_Path = tuple[str | int, ...]

_KEY = "[key]"  # what pydantic ends a path with when the key itself is wrong


def validate(data: object, model: type[M]) -> tuple[M | None, list[Finding]]:
    """The model of `data`, or everything that keeps it from being one."""
    if data is None:
        keys = ", ".join(name for name, field in _keys(model).items() if field.is_required())
        return None, [Finding("the file is empty", f"It needs: {keys}.")]
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [found for each in details for found in _findings(each, model)]


def _findings(error: ErrorDetails, model: type[BaseModel]) -> list[Finding]:
    path: _Path = error["loc"]
    at_key = bool(path) and path[-1] == _KEY
    if at_key:
        path = path[:-1]
    if error["type"] == ERROR_TYPE:
        found: tuple[Finding, ...] = error["ctx"]["findings"]
        return [
            replace(each, path=(*path, *each.path), at_key=each.at_key or at_key) for each in found
        ]
    match error["type"]:
        case "extra_forbidden":
            name = str(path[-1])
            inside = _model_at(model, path[:-1])
            known = _keys(inside) if inside is not None else ()
            finding = Finding(f"unknown key '{name}'", known_names(name, known), path, at_key=True)
        case "missing":
            finding = Finding(f"needs the key '{path[-1]}'", "", path[:-1])
        case _ if error["input"] is None:
            finding = Finding("has no value", _none_mend(error), path)
        case _:
            what, mend = _words(error)
            finding = Finding(what, mend, path, at_key)
    return [finding]


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


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(model: type[BaseModel], path: _Path) -> type[BaseModel] | None:
    """The model of the mapping at `path`, found through the fields' annotations."""
    candidates: list[Any] = [model]
    for part in path:
        candidates = [below for each in candidates for below in _below(each, part)]
    return next((each for each in candidates if _is_model(each)), None)


def _below(annotation: Any, part: str | int) -> list[Any]:
    """What may stand under a key or an index of a value of this annotation."""
    if _is_model(annotation):
        field = _keys(annotation).get(str(part))
        return _alternatives(field.annotation) if field is not None else []
    return [found for each in get_args(annotation) for found in _alternatives(each)]


def _alternatives(annotation: Any) -> list[Any]:
    """The annotation and, where it is a union or annotated, what it is made of."""
    inner = get_args(annotation)
    is_collection = getattr(annotation, "__origin__", None) in (dict, tuple, list)
    if not inner or is_collection:
        return [annotation]
    return [found for each in inner for found in _alternatives(each)]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
