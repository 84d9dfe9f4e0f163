"""Params, compiled: types, checks and parsers for what compositions take and operations send.

Declared constraints become functions here, once; requests are read in `param_parsing`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bff.declarations.documents import Document
from bff.declarations.models import (
    CompositionFile,
    ItemsDecl,
    OperationDecl,
    ParamDecl,
    ServiceFile,
)
from bff.plan import types as t
from bff.plan.param_checks import Check, build_check, pattern_problem
from bff.plan.param_parsing import BadParam, parse_params
from bff.plan.param_texts import (
    ParseText,
    comma_text,
    header_texts,
    repeated_texts,
    single_text,
)
from bff.plan.problems import Notebook, Path
from bff.plan.schemas import SchemaLibrary, UnknownSchema
from bff.plan.service_nodes import CompositionParam, Location, OperationParam
from bff.plan.type_algebra import nullable, union

__all__ = ["BadParam", "compile_composition_params", "compile_operation_params", "parse_params"]


def compile_composition_params(
    document: Document[CompositionFile], schemas: SchemaLibrary, notebook: Notebook
) -> tuple[CompositionParam, ...]:
    """The params in declared order; each one with problems is told and still there, as `Any`, so
    that expressions which read it are checked."""
    declared = document.model
    locations = declared.locations()
    params = []
    for name, param in declared.params.items():
        location = locations[name]
        value = _compile_value(document, ("params", name), param, schemas, notebook)
        params.append(
            CompositionParam(
                name=name,
                location=location,
                wire_name=_wire_name(name, location),
                type=value.type,
                required=param.is_required,
                default=value.default,
                is_list=param.type == "array",
                comma=_is_comma(param, location),
                parse_text=_text_parser(param, location, value.check),
                parse_json=_json_parser(param, value.check),
            )
        )
    return tuple(params)


def compile_operation_params(
    document: Document[ServiceFile],
    path: Path,
    declared: OperationDecl,
    schemas: SchemaLibrary,
    notebook: Notebook,
) -> tuple[OperationParam, ...]:
    """An operation's params in declared order; `path` is the operation's. Problems are told, and
    what has one is there as `Any`."""
    locations = declared.locations()
    params = []
    for name, param in declared.params.items():
        location = locations[name]
        value = _compile_value(document, (*path, "params", name), param, schemas, notebook)
        comma = _is_comma(param, location)
        params.append(
            OperationParam(
                name=name,
                location=location,
                wire_name=_wire_name(name, location),
                type=value.type,
                required=param.is_required,
                default=value.default,
                is_list=param.type == "array",
                comma=comma,
                slash=param.slash,
                check=_sendable(value.check, location, comma=comma),
            )
        )
    return tuple(params)


@dataclass(frozen=True, slots=True)
class _Value:
    """What a param's value is, wherever it comes from and goes to."""

    type: t.Type
    check: Check
    default: Any


def _compile_value(
    document: Document[Any],
    path: Path,
    declared: ParamDecl,
    schemas: SchemaLibrary,
    notebook: Notebook,
) -> _Value:
    found = len(notebook.problems)
    if declared.schema_ is not None:
        inferred, check = _from_schema(document, path, declared.schema_, schemas, notebook)
    else:
        _check_patterns(document, path, declared, notebook)
        if len(notebook.problems) > found:
            return _Value(t.ANYTHING, _unchecked, None)
        inferred, check = _type(declared), build_check(declared)
    default = None
    if declared.has_default:
        try:
            default = check(declared.default)
        except ValueError as error:
            notebook.at(document, (*path, "default"), f"the default {error}")
    elif not declared.is_required:
        inferred = nullable(inferred)
    return _Value(inferred, check, default)


def _from_schema(
    document: Document[Any], path: Path, reference: str, schemas: SchemaLibrary, notebook: Notebook
) -> tuple[t.Type, Check]:
    try:
        schema = schemas.resolve(reference)
    except UnknownSchema as unknown:
        notebook.at(document, (*path, "schema"), unknown.what, unknown.mend)
        return t.ANYTHING, _unchecked

    def check(value: Any) -> Any:
        try:
            return schema.to_json(schema.validate_value(value))
        except ValueError as error:
            raise ValueError(f"does not have its form: {error}") from None

    return schema.type, check


def _check_patterns(
    document: Document[Any], path: Path, declared: ParamDecl, notebook: Notebook
) -> None:
    patterns: Iterable[tuple[Path, str | None]] = (
        (("pattern",), declared.pattern),
        (("items", "pattern"), declared.items.pattern if declared.items is not None else None),
    )
    for below, pattern in patterns:
        if pattern is not None and (reason := pattern_problem(pattern)):
            notebook.at(
                document, (*path, *below), f"this is no regular expression: {reason}",
                "The syntax is Rust's: without look-around and back-references.",
            )  # fmt: skip


_SCALARS: Mapping[str, t.Type] = {
    "integer": t.INTEGER,
    "number": t.NUMBER,
    "boolean": t.BOOLEAN,
    "string": t.STRING,
}


def _type(declared: ParamDecl | ItemsDecl) -> t.Type:
    if isinstance(declared, ParamDecl) and declared.items is not None:
        return t.ListOf(_type(declared.items))
    if declared.enum is not None:
        return union(*map(t.Constant, declared.enum))
    return _SCALARS[declared.type or "string"]


def _wire_name(name: str, location: Location) -> str:
    return name.lower() if location == "header" else name


def _is_comma(declared: ParamDecl, location: Location) -> bool:
    """Whether a list is one text: where it is said, and where there can't be several."""
    return declared.type == "array" and (
        declared.style == "comma" or location in ("path", "header")
    )


def _text_parser(declared: ParamDecl, location: Location, check: Check) -> ParseText:
    if declared.items is None:
        return single_text(declared.type or "string", check)
    kind = declared.items.type
    if location == "header":
        return header_texts(kind, check)
    if _is_comma(declared, location):
        return comma_text(kind, check)
    return repeated_texts(kind, check)


def _json_parser(declared: ParamDecl, check: Check) -> Check:
    if declared.is_required or declared.has_default:
        return check
    return lambda value: None if value is None else check(value)


def _sendable(check: Check, location: Location, *, comma: bool) -> Check:
    """The check, and what a location can't hold: no transport would be right to send it."""
    if location not in ("path", "header") and not comma:
        return check

    def check_sendable(value: Any) -> Any:
        found = check(value)
        texts = found if isinstance(found, list) else [found]
        if location == "path" and (not texts or "" in texts):
            raise ValueError("must not be empty: it is part of the path")
        for text in texts:
            if not isinstance(text, str):
                continue
            if comma and "," in text:
                raise ValueError("must hold no comma: commas part its elements")
            if location == "header" and not text.replace("\t", " ").isprintable():
                raise ValueError("must hold no control characters: it is a header")
        return found

    return check_sendable


def _unchecked(value: Any) -> Any:
    return value
