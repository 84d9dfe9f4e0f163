"""Finds what pydantic accepts and a gateway can't answer for. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pydantic_core import CoreSchema

from bff.plan.schemas.hashes import chosen_part
from bff.plan.schemas.output_validators import is_pydantics_own

# pydantic's validators that do more than look at a value, by their names, and the types that have
# them: the gateway would import a module, or look for a file, that a sender names.
_ACTS = {
    "import_string": "ImportString",
    "PathType.validate_file": "FilePath",
    "PathType.validate_directory": "DirectoryPath",
    "PathType.validate_new": "NewPath",
    "PathType.validate_socket": "SocketPath",
}
_NO_SCHEMAS = frozenset({"metadata", "default", "serialization", "config"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong, where (`Order.items`, "" where no field holds it), and how to mend it."""

    place: str
    what: str
    mend: str


def find_refusal(schema: CoreSchema) -> Refusal | None:
    """The first part of the schema that can't be used; None without one."""
    return next(chain(_find(schema, ""), _find_own_inits(schema)), None)


def written_names(schema: Any) -> list[str]:
    """The keys that a model, a dataclass or a typed dict is written with, by its core schema."""
    fields = schema["fields"]
    named = (
        fields.items() if isinstance(fields, dict) else ((each["name"], each) for each in fields)
    )
    names = [
        str(field.get("serialization_alias", name))
        for name, field in named
        if not (field.get("serialization_exclude") or field.get("init_only"))
    ]
    return names + [
        str(each.get("alias", each["property_name"])) for each in schema.get("computed_fields", ())
    ]


def _find(schema: Any, place: str) -> Iterator[Refusal]:
    match schema:
        case {"type": "generator"}:
            # it is not read while a reply is validated: what is wrong in it would go out
            yield Refusal(
                place,
                "has an Iterable or a Generator, which is not checked before it goes out",
                "Use list[…].",
            )
        case {"type": "no-info" | "with-info", "function": function} if is_pydantics_own(function):
            name = getattr(function, "__qualname__", "")
            if name in _ACTS:
                yield Refusal(
                    place,
                    f"has {_ACTS[name]}, with which a sender names what is imported or looked for",
                    "Use str.",
                )
        case {"cls": type() as cls}:
            place = cls.__qualname__
        case {"name": str(name), "schema": _}:  # of a dataclass or a named tuple
            place = f"{place}.{name}"
    match schema:
        case {"type": "model-fields" | "typed-dict" | "dataclass-args"}:
            yield from _find_repeated(schema, place)
    match schema:
        case dict():
            for key, part in schema.items():
                if key == "fields" and isinstance(part, dict):
                    for name, field in part.items():
                        yield from _find(field, f"{place}.{name}")
                elif key not in _NO_SCHEMAS:
                    yield from _find(part, place)
        case list() | tuple():
            for part in schema:
                yield from _find(part, place)


def _find_repeated(schema: Any, place: str) -> Iterator[Refusal]:
    names = written_names(schema)
    repeated = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if repeated is not None:
        yield Refusal(
            place, f"writes two fields as '{repeated}'", "Give one another serialization alias."
        )


def _find_own_inits(schema: Any) -> Iterator[Refusal]:
    """Classes with an `__init__`, which validate by their own validators, that hold a set or a dict
    of which the hashes have to be counted."""
    definitions = {each["ref"]: each for each in schema.get("definitions", ())}
    for model in _nodes(schema, {}):
        if model.get("custom_init") and any(map(chosen_part, _nodes(model, dict(definitions)))):
            yield Refusal(
                model["cls"].__qualname__,
                "reads a set or a dict by its own __init__, whose keys a sender can make collide",
                "Use a model_validator in the place of __init__, or a list.",
            )


def _nodes(schema: Any, definitions: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every core schema in the schema, and in the definitions that it refers to: each once, as
    `definitions` loses those that were found."""
    match schema:
        case {"type": "definition-ref", "schema_ref": ref}:
            yield from _nodes(definitions.pop(ref, None), definitions)
        case {"type": str()}:
            yield schema
            for key, part in schema.items():
                if key not in _NO_SCHEMAS:
                    yield from _nodes(part, definitions)
        case dict():
            yield from _nodes(list(schema.values()), definitions)
        case list() | tuple():
            for part in schema:
                yield from _nodes(part, definitions)
