"""Holds what is written to the inferred type, where a project's own code may have broken it. Pure.

A computed field may return null, a validator may change a value's type, a serializer may return
something else than its annotation says, and an author's own JSON schema may be wrong. pydantic
writes all of that. A type with such code in it is therefore validated once more, as the text that
goes out: 90 µs for 12 KB that pydantic takes 210 µs to read and write.
"""

from typing import Any

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
_PYDANTICS_GETTERS = ("operator.attrgetter('value')", "operator.attrgetter('pattern')")
_NO_SCHEMAS = frozenset({"metadata", "default", "config", "expected", "members"})


def runs_own_code(schema: Any) -> bool:
    """Whether code of the project's may change a value after it is validated."""
    match schema:
        case {"type": "no-info" | "with-info", "function": function}:
            return not is_pydantics_own(function)
        case {"type": "function-plain" | "function-wrap", "function": function} if callable(
            function
        ) and not is_pydantics_own(function):
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


def is_pydantics_own(function: Any) -> bool:
    """Whether a function in a core schema is one of pydantic's, which does as it is described."""
    module = getattr(function, "__module__", "") or ""
    return module.startswith("pydantic") or repr(function) in _PYDANTICS_GETTERS


def output_validator(inferred: t.Type) -> SchemaValidator:
    """A validator of JSON texts that takes those of the type alone: no undeclared keys."""
    schemas = _Schemas()
    schema = schemas.of(inferred)
    return SchemaValidator(core_schema.definitions_schema(schema, schemas.definitions()))


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
