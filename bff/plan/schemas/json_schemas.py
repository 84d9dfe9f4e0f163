"""JSON schemas of pydantic types, as strict as the values are that go out and come in.

Where pydantic's own description promises less, or more, than its serializers write, `_Outgoing`
corrects it. Pure. Read next: `bff.plan.schemas.types`, which makes types of these.
"""

from collections.abc import Mapping, Sequence
from enum import Flag
from typing import Any, Final, NamedTuple

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

from bff.plan.schemas.output_validators import is_pydantics_own, writes_as_schema
from bff.plan.schemas.validators import strict_serializer
from bff.plan.types import kinds as t
from bff.plan.types.algebra import type_of_value

JsonSchema = Mapping[str, Any]

MODEL: Final = "x-bff-model"  # "module:qualified name" of the class that an object is made from
DEFAULT: Final = "x-bff-default"  # the position among `DescribedSchema.defaults`
_SECRET: Any = TypeAdapter(Secret[str]).core_schema


class DescribedSchema(NamedTuple):
    """A JSON schema; of what is written, with the types of the texts of its defaults."""

    json: dict[str, Any]
    defaults: Sequence[t.Type] = ()


def outgoing_schema(described: CoreSchema) -> DescribedSchema:
    """What pydantic writes, by serialization alias. Raises `PydanticInvalidForJsonSchema`."""
    return _generate(_Outgoing, described)


def outgoing_schema_without_hand(described: CoreSchema) -> DescribedSchema:
    """The same without the JSON schemas that authors wrote by hand, which may be wrong."""
    return _generate(_WithoutHand, _without_metadata(described))


def incoming_schema(described: CoreSchema) -> DescribedSchema:
    """What validation takes, by validation alias. Raises `PydanticInvalidForJsonSchema`."""
    return DescribedSchema(_Incoming(by_alias=True).generate(described, mode="validation"))


def _generate(generator: type["_Outgoing"], described: CoreSchema) -> DescribedSchema:
    is_divided = described["type"] == "definitions"
    generating = generator(described["definitions"] if is_divided else [])
    return DescribedSchema(
        generating.generate(described, mode="serialization"), generating.defaults
    )


class _NamedJsonSchema(GenerateJsonSchema):
    """Each object names its class. No warnings: they would go to stderr."""

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
    """Describes strictly what pydantic's serializers write.

    - A field with a default is always there; one that may be left out is not required.
    - Pydantic validates no default, so its text may be of another type: `defaults` holds that type.
      They stand apart because a factory may return another value every time, and the schema has a
      digest.
    - A serializer function without an annotated result may return anything.
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
            described[DEFAULT] = len(self.defaults)
            self.defaults.append(self._written_default(schema))
        return described

    def _written_default(self, schema: core_schema.WithDefaultSchema) -> t.Type:
        """The type of the default's text; a factory is called for one."""
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
            case "function-wrap" if writes_as_schema(schema["function"]):
                return self.generate_inner(schema["schema"])
            case "function-plain" | "function-wrap" if is_pydantics_own(schema["function"]):
                return None  # Sequence, defaultdict, SecretStr, …: as they are described
            case "function-plain" | "function-wrap" | "any":
                return {}
            case _:
                return None


class _WithoutHand(_Outgoing):
    """The same, without the JSON schemas that authors of classes wrote by hand."""

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


def _with_class(schema: JsonSchemaValue, cls: type[Any] | None) -> JsonSchemaValue:
    if cls is not None and schema.get("type") == "object":
        schema[MODEL] = f"{cls.__module__}:{cls.__qualname__}"
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
