"""Fast readers of replies, compiled with msgspec from pydantic's core schemas. Pure.

**The rule.** A fast reader accepts only what pydantic accepts, and returns the same JSON value for
it. Pydantic reads what the fast reader refuses, and words the error; a fast reader refuses whatever
it is unsure of. So only the time shows that there is one: the three replies of `bench/` are
validated and written in a third of pydantic's time (ADR 5 has the figures).

The compiler walks a core schema by a list of what means the same in both. With any other kind, or
any other key of a known kind (validators, serializers, strictness, patterns, configuration), the
whole schema has no fast reader. Where msgspec accepts more than pydantic whatever the schema, the
text of the body decides: see `bff.plan.schemas.json_texts`.

`tests/property/test_fast_readers.py` holds fast readers to the rule.
"""

import datetime
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic_core import CoreSchema

from bff.plan.schemas.json_texts import (
    DEEPEST,
    count_openers,
    may_be_deep,
    means_the_same,
    times_mean_the_same,
)

_ENCODER: Final = msgspec.json.Encoder()

# Keys that change no value; a definition's name is one
_SILENT: Final = frozenset({"type", "ref", "metadata"})
_SILENT_CONFIG: Final = frozenset({"title", "from_attributes", "allow_inf_nan"})
_EXTRA_OF_CONFIG: Final = "extra_fields_behavior"
_SILENT_FIELD: Final = frozenset({"frozen"})
_BOUNDS: Final = frozenset({"ge", "gt", "le", "lt"})
_LENGTHS: Final = frozenset({"min_length", "max_length"})
_LARGEST_BOUND: Final = 2**53  # msgspec's bounds are of 64 bits; a double is exact up to here


class FastReader:
    """A reader of JSON texts of one type. Immutable; safe between threads, as msgspec's are."""

    __slots__ = ("_decoder", "_has_times", "_most_skipped")

    def __init__(
        self, decoder: msgspec.json.Decoder[Any], *, has_times: bool, most_skipped: float
    ) -> None:
        self._decoder = decoder
        self._has_times = has_times
        self._most_skipped = most_skipped  # objects and lists that can't be nested too deep

    def read(self, body: bytes, *, json: bool, text: bool) -> tuple[Any, bytes | None] | None:
        """The JSON form and the text that pydantic would return, those that are wanted. None
        where pydantic has to read the body."""
        try:
            if not means_the_same(body) or (self._has_times and not times_mean_the_same(body)):
                return None
            value = self._decoder.decode(body)
            written = _ENCODER.encode(value) if text else None
            if self._may_be_deep(body, written):
                return None
            return msgspec.to_builtins(value) if json else None, written
        except Exception:  # whatever it is, pydantic has the last word
            return None

    def _may_be_deep(self, body: bytes, written: bytes | None) -> bool:
        openers = count_openers(body)
        if openers <= DEEPEST:
            return False
        # What was written is nested as the type is; the rest may hold too little to be deep, which
        # takes a fifth of the time to find out. An escaped bracket is written as one.
        if written is None or b"\\u005" in body or b"\\u007" in body:
            return may_be_deep(body)
        return openers - count_openers(written) > self._most_skipped and may_be_deep(body)


def compile_fast_reader(schema: CoreSchema) -> FastReader | None:
    """The fast reader of the type that `schema` describes; None where there can't be one."""
    types = _Types()
    try:
        decoder = msgspec.json.Decoder(types.type_of(schema))
    except Exception:  # ours, or what msgspec raises for what it can't build
        return None
    # A default is written without being read, with its name: their brackets have no bound.
    most_skipped = -math.inf if types.has_brackets_by_default else DEEPEST - types.containers
    return FastReader(decoder, has_times=types.has_times, most_skipped=most_skipped)


class _NotFast(Exception):
    """Something has another meaning in msgspec, or may have."""


class _Types:
    """Compiles core schemas to msgspec's types. Notes whether there are times among them, how many
    types of objects and lists there are, and whether defaults are written with brackets."""

    def __init__(self) -> None:
        self.has_times = False
        self.containers = 0  # none holds itself, so values are nested no deeper
        self.has_brackets_by_default = False
        self._definitions: dict[str, Any] = {}
        self._open: set[str] = set()
        self._defined: dict[str, Any] = {}

    def type_of(self, schema: Any) -> Any:
        match schema["type"]:
            case "model":
                return self._model(schema)
            case "typed-dict":
                return self._typed_dict(schema)
            case "nullable":
                _allow(schema, "schema")
                return self.type_of(schema["schema"]) | None
            case "list":
                self.containers += 1
                _allow(schema, "items_schema", *_LENGTHS)
                return _limited(list[self.type_of(schema["items_schema"])], schema, _LENGTHS)  # type: ignore[misc]
            case "dict":
                self.containers += 1
                _allow(schema, "keys_schema", "values_schema", *_LENGTHS)
                _allow(schema["keys_schema"])
                if schema["keys_schema"]["type"] != "str":
                    raise _NotFast
                return _limited(dict[str, self.type_of(schema["values_schema"])], schema, _LENGTHS)  # type: ignore[misc]
            case "definitions":
                _allow(schema, "definitions", "schema")
                self._definitions |= {each["ref"]: each for each in schema["definitions"]}
                return self.type_of(schema["schema"])
            case "definition-ref":
                _allow(schema, "schema_ref")
                return self._definition(schema["schema_ref"])
            case _:
                return self._scalar(schema)

    def _scalar(self, schema: Any) -> Any:
        match schema["type"]:
            case "str":
                _allow(schema, *_LENGTHS)
                return _limited(str, schema, _LENGTHS)
            case "int":
                _allow(schema, "multiple_of", *_BOUNDS)
                return _limited(int, schema, _BOUNDS | {"multiple_of"})
            case "float":
                # With or without it, numbers that are not finite are refused
                _allow(schema, "allow_inf_nan", *_BOUNDS)
                return _limited(float, schema, _BOUNDS)
            case "bool":
                _allow(schema)
                return bool
            case "none":
                _allow(schema)
                return type(None)
            case "date":
                _allow(schema)
                return datetime.date
            case "datetime":
                _allow(schema, "microseconds_precision")  # finer ones are pydantic's
                self.has_times = True
                return datetime.datetime
            case "literal":
                _allow(schema, "expected")
                if not all(type(each) in (str, int) for each in schema["expected"]):
                    raise _NotFast
                return Literal[tuple(schema["expected"])]
            case _:
                raise _NotFast

    def _definition(self, ref: str) -> Any:
        if ref in self._open:
            raise _NotFast  # a type that holds itself
        if ref not in self._defined:
            self._open.add(ref)
            self._defined[ref] = self.type_of(self._definitions[ref])
            self._open.remove(ref)
        return self._defined[ref]

    def _model(self, schema: Any) -> type[msgspec.Struct]:
        _allow(schema, "cls", "config", "custom_init", "root_model", "frozen", "generic_origin",
               "schema")  # fmt: skip
        # pydantic calls the project's own `__new__`, which may do anything
        if schema["custom_init"] or schema["root_model"] or _has_own_new(schema["cls"]):
            raise _NotFast
        fields = schema["schema"]
        if fields["type"] != "model-fields":
            raise _NotFast
        _allow(fields, "fields", "model_name", "computed_fields", "extra_behavior")
        return self._struct(schema, fields)

    def _typed_dict(self, schema: Any) -> type[msgspec.Struct]:
        _allow(schema, "cls", "cls_name", "config", "fields", "computed_fields", "extra_behavior")
        return self._struct(schema, schema)

    def _struct(self, schema: Any, fields: Any) -> type[msgspec.Struct]:
        """A struct of the fields, in their order: expressions can see the order of keys."""
        self.containers += 1
        config = schema.get("config") or {}
        if fields.get("computed_fields") or config.keys() - _SILENT_CONFIG - {_EXTRA_OF_CONFIG}:
            raise _NotFast
        extra = fields.get("extra_behavior") or config.get(_EXTRA_OF_CONFIG) or "ignore"
        if extra not in ("ignore", "forbid"):
            raise _NotFast
        # Python's names may be any that differ: those of JSON are given apart
        names = {
            f"f{at}": _name(name, field)
            for at, (name, field) in enumerate(fields["fields"].items())
        }
        made = zip(names, fields["fields"].values(), strict=True)
        return msgspec.defstruct(
            "FastReader",
            [self._field(name, names[name], field) for name, field in made],
            rename=names,
            kw_only=True,  # required fields may stand after others
            forbid_unknown_fields=extra == "forbid",
            gc=False,  # never part of a cycle
        )

    def _field(self, name: str, wire_name: str, field: Any) -> Any:
        schema = field["schema"]
        match field["type"], schema["type"]:
            case "typed-dict-field", _ if not field["required"]:
                return name, self.type_of(schema) | msgspec.UnsetType, msgspec.UNSET
            case "model-field", "default":
                _allow(schema, "schema", "default", "default_factory",
                       "default_factory_takes_data", "copy_default")  # fmt: skip
                default = _default(schema)
                if count_openers(_ENCODER.encode([wire_name, default])) > 1:
                    self.has_brackets_by_default = True
                return name, self.type_of(schema["schema"]), default
            case _:
                return name, self.type_of(schema)


def _allow(schema: Mapping[str, Any], *keys: str) -> None:
    if schema.keys() - _SILENT - set(keys):
        raise _NotFast


def _has_own_new(cls: Any) -> bool:
    return bool(cls.__new__ is not object.__new__)


def _name(name: str, field: Any) -> str:
    """The field's name in JSON, where it is one name for both ways."""
    if field["type"] == "typed-dict-field":
        _allow(field, "schema", "required", "validation_alias", "serialization_alias")
    else:
        _allow(field, "schema", "validation_alias", "serialization_alias", *_SILENT_FIELD)
    read = field.get("validation_alias", name)
    if type(read) is not str or read != field.get("serialization_alias", name):
        raise _NotFast
    return read


def _limited(kind: Any, schema: Mapping[str, Any], limits: frozenset[str]) -> Any:
    """The type with those of its schema's limits that there are."""
    found = {limit: schema[limit] for limit in limits if schema.get(limit) is not None}
    for limit in found.values():
        if type(limit) not in ((int, float) if kind is float else (int,)):
            raise _NotFast
        if not abs(limit) <= _LARGEST_BOUND:
            raise _NotFast
    return Annotated[kind, msgspec.Meta(**found)] if found else kind


def _default(schema: Any) -> Any:
    """What is written for an absent field. pydantic writes a default as it is, without a check."""
    if "default_factory" in schema:
        if schema["default_factory"] not in (list, dict):
            raise _NotFast
        return schema["default_factory"]()
    default = schema["default"]
    if default is not None and not _is_of(default, schema["schema"]):
        raise _NotFast
    return default


def _is_of(value: Any, schema: Any) -> bool:
    """Whether both write the value alike in a field of that type."""
    match schema["type"], value:
        case "nullable", _:
            return _is_of(value, schema["schema"])
        case "str", str():
            return type(value) is str
        case ("int", int()) | ("bool", bool()):
            return bool(type(value).__name__ == schema["type"])
        case "float", float():
            return type(value) is float and math.isfinite(value)
        case "literal", _:
            return any(type(value) is type(each) and value == each for each in schema["expected"])
        case ("list", []) | ("dict", {}):
            return type(value) in (list, dict) and not value
        case _:
            return False
