"""From pydantic's JSON schemas to the types of expressions and payloads.

A schema has two forms: what goes out (by serialization alias), which expressions, payloads and
contracts see; and what comes in, which bindings of a body param are held to. Knows no files.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import CoreSchema

from bff.plan.schemas.json_schemas import (
    DEFAULT,
    MODEL,
    DescribedSchema,
    JsonSchema,
    incoming_schema,
    outgoing_schema_without_hand,
)
from bff.plan.types import kinds as t
from bff.plan.types.algebra import fits, type_of_value, union

_SCALARS = {
    "null": t.NULL,
    "boolean": t.BOOLEAN,
    "integer": t.INTEGER,
    "number": t.NUMBER,
    "string": t.STRING,
}

PublicName = Callable[[str], str]  # a class's name as the project writes it


def outgoing_type(outgoing: DescribedSchema, public: PublicName, suffix: str = "") -> t.Type:
    """The type that an outgoing schema describes; `suffix` is of the names of another form.

    Models that contain themselves become `Named`, by "module:class", which is unique in a project.
    """
    return _Converter(outgoing, public, suffix).convert(outgoing.json)


def incoming_type(described: CoreSchema, public: PublicName) -> t.Type:
    """The type of the JSON values that validation takes: what has a default may be left out.
    `Anything` when pydantic can't describe them."""
    try:
        incoming = incoming_schema(described)
    except PydanticInvalidForJsonSchema:
        return t.ANYTHING
    return _Converter(incoming, public, " (input)").convert(incoming.json)


def is_described_by_hand(described: CoreSchema, outgoing: DescribedSchema) -> bool:
    """Whether the outgoing type depends on a JSON schema that an author wrote by hand, which may
    differ from what pydantic writes."""
    try:
        plain = outgoing_schema_without_hand(described)
    except PydanticInvalidForJsonSchema:
        return True
    return _all_types(plain) != _all_types(outgoing)


def _all_types(outgoing: DescribedSchema) -> tuple[t.Type, Mapping[str, t.Type]]:
    """The outgoing type, and the recursive ones that it names."""
    converter = _Converter(outgoing, str, "")
    return converter.convert(outgoing.json), converter.definitions


class _Converter:
    def __init__(self, described: DescribedSchema, public: PublicName, suffix: str) -> None:
        self.defs: Mapping[str, JsonSchema] = described.json.get("$defs", {})
        self.defaults = described.defaults
        self.public = public
        self.suffix = suffix  # the two forms of a recursive model are two types
        self.recursive = _recursive(self.defs)
        self.definitions: dict[str, t.Type] = {}
        self.converted: dict[str, t.Type] = {}

    def convert(self, schema: Any) -> t.Type:
        declared = self._declared(schema)
        if isinstance(schema, bool) or DEFAULT not in schema:
            return declared
        default = self.defaults[schema[DEFAULT]]
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
        name = self.public(definition.get(MODEL, key)) + self.suffix
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
        model = schema.get(MODEL)
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
