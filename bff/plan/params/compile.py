"""Params, compiled: types, checks and parsers for what compositions take and operations send.

Declared constraints become functions here, once; `bff.plan.params.parsing` reads requests.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from bff.declarations.environment.filling import FilledText
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.endpoint import rest_param
from bff.declarations.models.param import ItemsDecl, ParamDecl
from bff.declarations.models.places import wire_name
from bff.declarations.models.service import OperationDecl, ServiceFile
from bff.plan.model.service import (
    SEPARATORS,
    Check,
    CompositionParam,
    Location,
    OperationParam,
    Style,
)
from bff.plan.params.checks import build_check, pattern_problem
from bff.plan.params.members import (
    ParseMembers,
    UntellableMember,
    members_parser,
    unsendable_members,
)
from bff.plan.params.sendable import sendable
from bff.plan.params.texts import (
    ParseText,
    header_texts,
    repeated_texts,
    separated_text,
    single_text,
)
from bff.plan.reporter import Path, Reporter
from bff.plan.schemas.annotations import UnknownSchema
from bff.plan.schemas.library import SchemaLibrary
from bff.plan.schemas.param_schemas import ALL_DEFAULTS, NULL_DEFAULTS, ParamSchema
from bff.plan.types import kinds as t
from bff.plan.types.algebra import is_list, nullable, union


def compile_composition_params(
    reporter: Reporter[CompositionFile], schemas: SchemaLibrary
) -> tuple[CompositionParam, ...]:
    """The params in declared order. Reports their problems; a param with one is still there, as
    `Any`, so that expressions which read it are checked."""
    declared = reporter.document.model
    locations = declared.locations()
    rest = rest_param(declared.endpoint)
    params = []
    for name, param in declared.params.items():
        location = locations[name]
        resolve = _resolver(schemas, declared.endpoint, location)
        value = _compile_value(reporter, ("params", name), param, resolve, None)
        params.append(
            CompositionParam(
                name=name,
                location=location,
                wire_name=_wire_name(name, param, location),
                public_name="" if param.whole else wire_name(name, param),
                type=value.type,
                required=param.is_required,
                default=value.default,
                is_list=_is_list(param, value.type),
                style=_style(param, location),
                parse_text=_text_parser(param, location, value.check),
                parse_members=_members_parser(reporter, name, param, value),
                parse_json=_json_parser(param, value.check),
                is_rest=name == rest,
            )
        )
    return tuple(params)


def compile_operation_params(
    reporter: Reporter[ServiceFile], path: Path, declared: OperationDecl, schemas: SchemaLibrary
) -> tuple[OperationParam, ...]:
    """An operation's params in declared order; `path` is the operation's. Reports their problems; a
    param with one is there as `Any`."""
    locations = declared.locations()
    params = []
    for name, param in declared.params.items():
        location = locations[name]
        at: Path = (*path, "params", name)
        style = _style(param, location)
        sends = partial(sendable, location=location, style=style, slash=param.slash)
        resolve = _resolver(schemas, declared.request, location)
        value = _compile_value(reporter, at, param, resolve, sends)
        if style == "deep_object" and (what := unsendable_members(value.type)):
            reporter.report((*at, "schema"), what, _MEMBERS_MEND)
        params.append(
            OperationParam(
                name=name,
                location=location,
                wire_name=_wire_name(name, param, location),
                type=value.type,
                required=param.is_required,
                default=value.default,
                is_list=_is_list(param, value.type),
                style=style,
                slash=param.slash,
                check=value.check,
            )
        )
    return tuple(params)


@dataclass(frozen=True, slots=True)
class _Value:
    """What a param's value is, wherever it comes from and goes to."""

    type: t.Type
    taken: t.Type  # what the check takes
    check: Check
    default: Any


def _compile_value(
    reporter: Reporter[Any],
    path: Path,
    declared: ParamDecl,
    resolve: Callable[[str], ParamSchema],
    sends: Callable[[Check], Check] | None,
) -> _Value:
    """`sends`, for an operation's param, adds to the check what can be sent. The type is then what
    the check takes, and not what it returns: for a schema, the two differ."""
    is_sound = reporter.document.is_sound(path)
    inferred: t.Type = t.ANYTHING
    accepted: t.Type = t.ANYTHING
    if declared.schema_ is not None:
        given, accepted, check = _from_schema(reporter, path, declared.schema_, resolve)
        inferred = given if sends is None else accepted
    elif declared.type is None:
        check = _unchecked
    elif _check_patterns(reporter, path, declared) and is_sound:
        inferred, check = _type(declared), build_check(declared)
    else:
        check = build_check(_without_constraints(declared))
    check = check if sends is None else sends(check)
    default = None
    if declared.has_default:
        try:
            default = _check_default(check, declared.default)
        except ValueError as error:
            reporter.report((*path, "default"), f"the default {error}")
    elif not declared.is_required:
        inferred = nullable(inferred)
    return _Value(inferred if is_sound else t.ANYTHING, accepted, check, default)


def _check_default(check: Check, default: Any) -> Any:
    if not isinstance(default, FilledText):
        return check(default)
    try:
        return check(str(default))
    except ValueError:
        plain = default.plain()
        if isinstance(plain, str):
            raise
        return check(plain)


def _without_constraints(declared: ParamDecl) -> ParamDecl:
    """What is left of a param that is partly wrong: its type, which its default is held to."""
    known = declared.items is not None and declared.items.knows("type")
    items = ItemsDecl(type=declared.items.type) if declared.items is not None and known else None
    return ParamDecl(type=declared.type, items=items)


def _resolver(
    schemas: SchemaLibrary, request: str, location: Location
) -> Callable[[str], ParamSchema]:
    """The look-up of a param's schema: what is left out of a PATCH has no default."""
    is_patched = request.startswith("PATCH ") and location in ("body", "form")
    absence = ALL_DEFAULTS if is_patched else NULL_DEFAULTS
    return lambda reference: schemas.resolve(reference).for_params(absence)


def _from_schema(
    reporter: Reporter[Any], path: Path, reference: str, resolve: Callable[[str], ParamSchema]
) -> tuple[t.Type, t.Type, Check]:
    """The types of what the schema writes and of what it takes, and its check."""
    try:
        schema = resolve(reference)
    except UnknownSchema as unknown:
        if unknown.place is None:  # else the module's own problem is reported
            reporter.report((*path, "schema"), unknown.what, unknown.mend)
        return t.ANYTHING, t.ANYTHING, _unchecked

    def check(value: Any) -> Any:
        try:
            return schema.check(value)
        except ValueError as error:
            raise ValueError(f"does not have its form: {error}") from None

    return schema.type, schema.input_type, check


def _check_patterns(reporter: Reporter[Any], path: Path, declared: ParamDecl) -> bool:
    """Whether the param's patterns compile; reports those that don't."""
    all_compile = True
    patterns: Iterable[tuple[Path, str | None]] = (
        (("pattern",), declared.pattern),
        (("items", "pattern"), declared.items.pattern if declared.items is not None else None),
    )
    for below, pattern in patterns:
        if pattern is not None and (reason := pattern_problem(pattern)):
            all_compile = False
            reporter.report(
                (*path, *below), f"this is no regular expression: {reason}",
                "The syntax is Rust's: without look-around and back-references.",
            )  # fmt: skip
    return all_compile


_MEMBERS_MEND = "A query and a form hold texts by name: use fields of one type, and lists of these."
SCALARS: Mapping[str, t.Type] = {
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
    return SCALARS[declared.type or "string"]


def _is_list(declared: ParamDecl, inferred: t.Type) -> bool:
    return declared.type == "array" or (declared.schema_ is not None and is_list(inferred))


def _wire_name(name: str, declared: ParamDecl, location: Location) -> str:
    if declared.whole:
        return ""
    found = wire_name(name, declared)
    return found.lower() if location == "header" else found


def _style(declared: ParamDecl, location: Location) -> Style:
    """How a list or an object is written: as declared, or as there alone can be."""
    if declared.type == "array" and location in ("path", "header"):
        return "comma"
    return declared.style or "repeat"


def _text_parser(declared: ParamDecl, location: Location, check: Check) -> ParseText:
    if declared.items is None:
        kind = declared.type if declared.type in SCALARS else None
        return single_text(kind or "string", check)
    kind = declared.items.type
    if location == "header":
        return header_texts(kind, check)
    style = _style(declared, location)
    return (
        separated_text(kind, check, style) if style in SEPARATORS else repeated_texts(kind, check)
    )


def _members_parser(
    reporter: Reporter[CompositionFile], name: str, declared: ParamDecl, value: "_Value"
) -> ParseMembers | None:
    """The parser of an object that comes as pairs; None for any other param."""
    if declared.style != "deep_object" or declared.schema_ is None:
        return None
    try:
        return members_parser(value.taken, value.check)
    except UntellableMember as untellable:
        reporter.report(("params", name, "schema"), str(untellable), _MEMBERS_MEND)
        return None


def _json_parser(declared: ParamDecl, check: Check) -> Check:
    if declared.is_required or declared.has_default:
        return check
    return lambda value: None if value is None else check(value)


def _unchecked(value: Any) -> Any:
    return value
