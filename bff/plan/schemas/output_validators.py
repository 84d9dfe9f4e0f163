"""Holds what is written to the inferred type, where a project's own code may have broken it. Pure.

A computed field may return null, a validator may change a value's type, a serializer may return a
value that its annotation excludes, and a JSON schema by hand may be wrong. pydantic writes all of
that. A type with such code in it is therefore validated once more, as the text that goes out.
msgspec accepts nearly all texts; pydantic decides about the rest, and about types that msgspec
can't express.
"""

from collections.abc import Sequence
from typing import Any, Literal, Union

import msgspec
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from bff.plan.types import kinds as t

_NO_VALUE = core_schema.str_schema(min_length=1, max_length=0)
_SCALARS: dict[t.Type, CoreSchema] = {
    t.NULL: core_schema.none_schema(),
    t.BOOLEAN: core_schema.bool_schema(strict=True),
    t.INTEGER: core_schema.int_schema(strict=True),
    t.NUMBER: core_schema.float_schema(strict=True),  # takes integers of any length as well
    t.STRING: core_schema.str_schema(strict=True),
}
_STRUCT_SCALARS: dict[str, Any] = {
    "null": None, "boolean": bool, "integer": int, "number": float, "string": str,
}  # fmt: skip
_PYDANTICS_GETTERS = ("operator.attrgetter('value')", "operator.attrgetter('pattern')")
_NO_SCHEMAS = frozenset({"metadata", "default", "config", "expected", "members"})


def runs_own_code(schema: Any) -> bool:
    """Whether a value may go out that no validator of the schema has seen as it is written."""
    match schema:
        case {"type": "no-info" | "with-info", "function": function}:
            return not is_pydantics_own(function)
        case {"type": "function-plain" | "function-wrap", "function": function} if callable(
            function
        ) and (not is_pydantics_own(function) or writes_as_schema(function)):
            return True
        case {"custom_init": True} | {"post_init": str() | True}:
            return True
        case dict():
            return bool(schema.get("computed_fields")) or any(
                runs_own_code(value) for key, value in schema.items() if key not in _NO_SCHEMAS
            )
        case list() | tuple():
            return any(map(runs_own_code, schema))
        case _:
            return False


def writes_as_schema(function: Any) -> bool:
    """Whether a serializer is that of `SkipValidation`, `InstanceOf` or `ValidateAs`: it writes by
    another schema than the one that validates."""
    return getattr(function, "__module__", "") == "pydantic.functional_validators"


def is_pydantics_own(function: Any) -> bool:
    """Whether a function in a core schema is one of pydantic's, which does as it is described."""
    module = getattr(function, "__module__", "") or ""
    return module.startswith("pydantic") or repr(function) in _PYDANTICS_GETTERS


class OutputValidator:
    """Accepts the JSON texts of one type: no undeclared keys. Immutable; safe between threads.

    12 KB take 50 µs, where pydantic takes 280, and 240 to read and write them.
    """

    __slots__ = ("_decoder", "_validator")

    def __init__(self, inferred: t.Type) -> None:
        schemas = _Schemas()
        schema = schemas.of(inferred)
        self._validator = SchemaValidator(
            core_schema.definitions_schema(schema, schemas.definitions())
        )
        self._decoder = _decoder(inferred)

    def validate(self, text: bytes) -> None:
        """Raises pydantic's `ValidationError` for a text of another type."""
        if self._decoder is not None:
            try:
                self._decoder.decode(text)
            except msgspec.DecodeError:
                pass
            else:
                return
        self._validator.validate_json(text)


def _decoder(inferred: t.Type) -> msgspec.json.Decoder[Any] | None:
    try:
        return msgspec.json.Decoder(_struct_type(inferred))
    except TypeError:  # ours, or what msgspec raises for a union that it can't tell apart
        return None


def _struct_type(inferred: t.Type) -> Any:
    """msgspec's type of texts that are all of the type. Raises `TypeError` where it has none."""
    match inferred:
        case t.Anything():
            return msgspec.Raw
        case t.Scalar(kind):
            return _STRUCT_SCALARS[kind]
        case t.Constant(str() | int() as value) if not isinstance(value, bool):
            return Literal[value]
        case t.ListOf(element):
            return list[_struct_type(element)]  # type: ignore[misc]
        case t.ObjectOf(fields, None):
            return _struct(fields)
        case t.ObjectOf((), extra) if extra is not None:
            return dict[str, _struct_type(extra)]  # type: ignore[misc]
        case t.Union(members) if members:
            return Union[tuple(map(_struct_type, members))]  # noqa: UP007 - made of a tuple
        case _:
            raise TypeError(inferred)


def _struct(fields: Sequence[tuple[str, t.Field]]) -> type[msgspec.Struct]:
    # Python's names may be any that differ: those of JSON are given apart
    names = {f"f{at}": name for at, (name, _) in enumerate(fields)}
    return msgspec.defstruct(
        "Output",
        [
            (own, _struct_type(field.type))
            if field.required
            else (own, Union[_struct_type(field.type), msgspec.UnsetType], msgspec.UNSET)  # noqa: UP007
            for own, (_, field) in zip(names, fields, strict=True)
        ],
        rename=names,
        kw_only=True,
        forbid_unknown_fields=True,
        gc=False,
    )


class _Schemas:
    """Types to core schemas; notes the recursive ones on its way."""

    def __init__(self) -> None:
        self._defined: dict[str, CoreSchema | None] = {}

    def definitions(self) -> list[CoreSchema]:
        return [each for each in self._defined.values() if each is not None]

    def of(self, inferred: t.Type) -> CoreSchema:
        match inferred:
            case t.Anything():
                return core_schema.any_schema()
            case t.Scalar():
                return _SCALARS[inferred]
            case t.Constant(value):
                return core_schema.literal_schema([value])
            case t.ListOf(t.NOTHING):
                return core_schema.list_schema(max_length=0, strict=True)
            case t.ListOf(element):
                return core_schema.list_schema(self.of(element), strict=True, fail_fast=True)
            case t.ObjectOf():
                return self._object(inferred)
            case t.Named(name):
                return self._named(name, inferred.resolve())
            case t.Union(members):
                return self._union(members)

    def _object(self, inferred: t.ObjectOf) -> CoreSchema:
        fields = {
            name: core_schema.typed_dict_field(self.of(field.type), required=field.required)
            for name, field in inferred.fields
        }
        if inferred.extra is None:
            return core_schema.typed_dict_schema(fields, extra_behavior="forbid")
        extra = self.of(inferred.extra)
        return core_schema.typed_dict_schema(fields, extras_schema=extra, extra_behavior="allow")

    def _named(self, name: str, resolved: t.Type) -> CoreSchema:
        if name not in self._defined:
            self._defined[name] = None  # stands in until the line below is done
            self._defined[name] = {**self.of(resolved), "ref": name}
        return core_schema.definition_reference_schema(name)

    def _union(self, members: frozenset[t.Type]) -> CoreSchema:
        constants = [each.value for each in members if isinstance(each, t.Constant)]
        choices: list[Any] = [self.of(each) for each in members if not isinstance(each, t.Constant)]
        if constants:
            choices.append(core_schema.literal_schema(constants))
        return core_schema.union_schema(choices, mode="left_to_right") if choices else _NO_VALUE
