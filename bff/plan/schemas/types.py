"""From pydantic's JSON schema to the types of expressions and payloads.

A schema has two forms: what goes out (serialization mode, by alias), which is what expressions,
payloads and contracts see; and what comes in, which bindings of a body param are held to. Where
pydantic's own description is too kind to be relied on, `_Outgoing` corrects it. Knows no files.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Flag
from typing import Any

from pydantic import MISSING, Secret, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    JsonSchemaWarningKind,
)
from pydantic_core import (
    CoreSchema,
    PydanticSerializationError,
    core_schema,
    from_json,
    to_json,
)

from bff.plan.schemas.output_validators import is_pydantics_own
from bff.plan.schemas.validators import strict_serializer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import fits, type_of_value, union

_MODEL = "x-bff-model"  # "module:qualified name" of the class that an object is made from
_DEFAULT = "x-bff-default"  # where among the `Defaults` the default stands
_SECRET: Any = TypeAdapter(Secret[str]).core_schema
_SCALARS = {
    "null": t.NULL,
    "boolean": t.BOOLEAN,
    "integer": t.INTEGER,
    "number": t.NUMBER,
    "string": t.STRING,
}

JsonSchema = Mapping[str, Any]
Defaults = Sequence[t.Type]  # what each default is written as


class _NamedJsonSchema(GenerateJsonSchema):
    """Objects say which class they are made from. No warnings: they would go to stderr."""

    ignored_warning_kinds = {"non-serializable-default"}  # noqa: RUF012 (as pydantic declares it)

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _with_class(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _with_class(super().dataclass_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        return _with_class(super().typed_dict_schema(schema), schema.get("cls"))

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        if kind == "skipped-choice":  # a union's member without a JSON form is an error
            raise PydanticInvalidForJsonSchema(detail)


class _Outgoing(_NamedJsonSchema):
    """What pydantic's serializers write, said strictly.

    - A field with a default is always there; one that may be left out is not required.
    - A default is not validated, so what it is written as may be of another type: it is noted in
      `defaults`. They stand apart because a factory may give another value every time, and the
      schema has a digest.
    - A serializer function whose result is not annotated may give anything.
    - A secret is written as a text, whatever it is a secret of.
    - Flags are integers, since they may be combined.
    - A dataclass's `InitVar` is not written.
    - What may be `MISSING`, or is omitted on an error, is not required.
    """

    def __init__(self, definitions: list[CoreSchema]) -> None:
        super().__init__(by_alias=True)
        self._core_definitions = definitions
        self.defaults: list[t.Type] = []

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        has_default = "default" in schema or "default_factory" in schema
        if has_default and not _has_own_serializer(schema, schema.get("default")):
            described[_DEFAULT] = len(self.defaults)
            self.defaults.append(self._written_default(schema))
        return described

    def _written_default(self, schema: core_schema.WithDefaultSchema) -> t.Type:
        """The type of what the default is written as; a factory is asked for one."""
        if "default_factory" not in schema:
            default = schema["default"]
        elif schema.get("default_factory_takes_data"):
            return t.ANYTHING
        else:
            try:
                default = schema["default_factory"]()  # type: ignore[call-arg]
            except Exception:  # it is the project's code, and may want to run within a request
                return t.ANYTHING
        if default is MISSING:
            return t.NOTHING
        try:
            return type_of_value(from_json(self._default_text(schema["schema"], default)))
        except PydanticSerializationError:
            return t.NOTHING  # neither can it be written in a reply

    def _default_text(self, schema: CoreSchema, default: Any) -> bytes:
        if default is None or type(default) in (bool, int, float, str):
            return to_json(default, inf_nan_mode="null")
        whole = core_schema.definitions_schema(schema, self._core_definitions)
        config = self._config.core_config(None)
        return strict_serializer(whole, config).to_json(default, by_alias=True, warnings=False)

    @property
    def mode(self) -> JsonSchemaMode:
        return "serialization"  # whatever a model's `json_schema_mode_override` says

    def field_is_present(self, field: Any) -> bool:
        return super().field_is_present(field) and not field.get("init_only")

    def field_is_required(self, field: Any, total: bool) -> bool:
        if field.get("serialization_exclude_if") is not None or _may_be_missing(field["schema"]):
            return False
        if field["type"] == "typed-dict-field":
            return bool(field.get("required", total))
        return True

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        if issubclass(schema["cls"], Flag):
            return {"type": "integer"}
        return super().enum_schema(schema)

    def ser_schema(self, schema: Any) -> JsonSchemaValue | None:
        known = super().ser_schema(schema)
        if known is not None:
            return known
        match schema["type"]:
            case "function-plain" if schema["function"] is _SECRET["serialization"]["function"]:
                return {"type": "string"}
            case "function-plain" | "function-wrap" if is_pydantics_own(schema["function"]):
                return None  # Sequence, defaultdict, SecretStr, …: as they are described
            case "function-plain" | "function-wrap" | "any":
                return {}
            case _:
                return None


class _WithoutHand(_Outgoing):
    """The same, whatever JSON schemas the authors of classes wrote."""

    def _update_class_schema(
        self, json_schema: JsonSchemaValue, cls: type[Any], config: Mapping[str, Any]
    ) -> None:
        extra = {"allow": True, "forbid": False}.get(config.get("extra", ""))
        if extra is not None:
            json_schema.setdefault("additionalProperties", extra)


class _Incoming(_NamedJsonSchema):
    @property
    def mode(self) -> JsonSchemaMode:
        return "validation"


def outgoing_json_schema(described: CoreSchema) -> tuple[dict[str, Any], Defaults]:
    """The JSON schema of what is written, and the defaults in it. Raises
    `PydanticInvalidForJsonSchema`."""
    return _generate(_Outgoing, described)


def is_described_by_hand(described: CoreSchema) -> bool:
    """Whether the outgoing type depends on a JSON schema that an author wrote, which may differ
    from what pydantic writes."""
    try:
        plain = _generate(_WithoutHand, _without_metadata(described))
    except PydanticInvalidForJsonSchema:
        return True
    return _types_of(*plain) != _types_of(*outgoing_json_schema(described))


def _generate(generator: type[_Outgoing], described: CoreSchema) -> tuple[dict[str, Any], Defaults]:
    is_divided = described["type"] == "definitions"
    generating = generator(described["definitions"] if is_divided else [])
    return generating.generate(described, mode="serialization"), generating.defaults


def _types_of(schema: JsonSchema, defaults: Defaults) -> tuple[t.Type, Mapping[str, t.Type]]:
    """The outgoing type, and the recursive ones that it names."""
    converter = _Converter(schema, defaults, str, "")
    return converter.convert(schema), converter.definitions


def outgoing_type(schema: JsonSchema, defaults: Defaults, public: Callable[[str], str]) -> t.Type:
    """The type that an outgoing JSON schema describes; `public` makes a class's name the project's.

    Models that contain themselves become `Named`, by "module:class", which is unique in a project.
    """
    return _Converter(schema, defaults, public, "").convert(schema)


def incoming_type(described: CoreSchema, public: Callable[[str], str]) -> t.Type:
    """The type of the JSON values that validation takes: by validation alias, what has a default
    may be left out. `Anything` when pydantic can't say."""
    try:
        schema = _Incoming(by_alias=True).generate(described, mode="validation")
    except PydanticInvalidForJsonSchema:
        return t.ANYTHING
    return _Converter(schema, (), public, " (input)").convert(schema)


class _Converter:
    def __init__(
        self, schema: JsonSchema, defaults: Defaults, public: Callable[[str], str], suffix: str
    ) -> None:
        self.defs: Mapping[str, JsonSchema] = schema.get("$defs", {})
        self.defaults = defaults
        self.public = public
        self.suffix = suffix  # the two forms of a recursive model are two types
        self.recursive = _recursive(self.defs)
        self.definitions: dict[str, t.Type] = {}
        self.converted: dict[str, t.Type] = {}

    def convert(self, schema: Any) -> t.Type:
        declared = self._declared(schema)
        if isinstance(schema, bool) or _DEFAULT not in schema:
            return declared
        default = self.defaults[schema[_DEFAULT]]
        is_kept = default != t.ANYTHING and fits(default, declared)
        return declared if is_kept else union(declared, default)

    def _declared(self, schema: Any) -> t.Type:
        match schema:
            case {"$ref": str(reference)}:
                return self._reference(reference.removeprefix("#/$defs/"))
            case {"const": value}:
                return type_of_value(value)
            case {"enum": [*values]}:
                return union(*map(type_of_value, values))
            case {"anyOf": [*members]} | {"oneOf": [*members]} | {"allOf": [_] as members}:
                return union(*map(self.convert, members))
            case {"type": [*kinds]}:
                return union(*(self.convert({**schema, "type": kind}) for kind in kinds))
            case {"type": "array"}:
                return t.ListOf(self._element(schema))
            case {"type": "object"}:
                return self._object(schema)
            case {"type": str(kind)}:
                return _SCALARS.get(kind, t.ANYTHING)
            case False:
                return t.NOTHING
            case _:
                return t.ANYTHING

    def _reference(self, key: str) -> t.Type:
        definition = self.defs[key]
        if key not in self.recursive:
            if key not in self.converted:
                self.converted[key] = self.convert(definition)
            return self.converted[key]
        name = self.public(definition.get(_MODEL, key)) + self.suffix
        if name not in self.definitions:
            self.definitions[name] = t.NOTHING  # stands in until the line below is done
            self.definitions[name] = self.convert(definition)
        return t.Named(name, self.definitions)

    def _element(self, schema: JsonSchema) -> t.Type:
        firsts = [self.convert(each) for each in schema.get("prefixItems", ())]
        if "items" in schema:
            return union(*firsts, self.convert(schema["items"]))
        closed = schema.get("maxItems", len(firsts) + 1) <= len(firsts)
        return union(*firsts) if closed else t.ANYTHING

    def _object(self, schema: JsonSchema) -> t.ObjectOf:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = schema.get("required", ())
        fields = tuple(
            (name, t.Field(self.convert(each), name in required))
            for name, each in properties.items()
        )
        extras = [self.convert(each) for each in schema.get("patternProperties", {}).values()]
        additional = schema.get("additionalProperties", "properties" not in schema and not extras)
        if additional is not False:
            extras.append(self.convert(additional))
        extra = union(*extras) if extras else None
        model = schema.get(_MODEL)
        name = self.public(model).rpartition(":")[2] if model else schema.get("title")
        return t.ObjectOf(fields, extra, name)


def _recursive(defs: Mapping[str, JsonSchema]) -> frozenset[str]:
    """The definitions that contain themselves."""
    direct = {key: _references(definition) for key, definition in defs.items()}

    def reached(key: str) -> set[str]:
        found: set[str] = set()
        waiting = list(direct[key])
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting.extend(direct.get(each, ()))
        return found

    return frozenset(key for key in defs if key in reached(key))


def _references(schema: Any) -> set[str]:
    match schema:
        case {"$ref": str(reference)}:
            return {reference.removeprefix("#/$defs/")}
        case dict():
            return set().union(*map(_references, schema.values()))
        case list():
            return set().union(*map(_references, schema))
        case _:
            return set()


def _with_class(schema: JsonSchemaValue, cls: type[Any] | None) -> JsonSchemaValue:
    if cls is not None and schema.get("type") == "object":
        schema[_MODEL] = f"{cls.__module__}:{cls.__qualname__}"
    return schema


def _has_own_serializer(schema: Any, default: Any) -> bool:
    """Whether the default is written by a function of the project's, whose annotation counts."""
    while isinstance(schema, dict):
        match schema.get("serialization"):
            case {"type": "function-plain" | "function-wrap", "function": function, **rest}:
                skips_none = str(rest.get("when_used")).endswith("unless-none")
                return not is_pydantics_own(function) and not (default is None and skips_none)
        schema = schema.get("schema")
    return False


def _may_be_missing(schema: Any) -> bool:
    match schema:
        case {"type": "missing-sentinel"} | {"type": "default", "on_error": "omit"}:
            return True
        case {"default": default} if default is MISSING:
            return True
        case {"type": "tagged-union" | "typed-dict" | "model-fields" | "dataclass-args"}:
            return False
        case {"type": "union", "choices": choices}:
            members = [each[0] if isinstance(each, tuple) else each for each in choices]
            return any(map(_may_be_missing, members))
        case {"schema": inner}:
            return _may_be_missing(inner)
        case _:
            return False


def _without_metadata(schema: Any) -> Any:
    """The core schema without the JSON schemas that are written by hand."""
    match schema:
        case {"type": str()}:
            return {
                key: _without_metadata(value) for key, value in schema.items() if key != "metadata"
            }
        case dict():
            return {key: _without_metadata(value) for key, value in schema.items()}
        case list() | tuple():
            return type(schema)(map(_without_metadata, schema))
        case _:
            return schema
