"""Finds the types that pydantic validates only when they are walked through.

An `Iterable` or a `Generator` is not read while a reply is validated: what is wrong in it would go
out as it came, or, once it has been walked through, as an empty list.
"""

from collections.abc import Iterator
from typing import Any

from pydantic_core import CoreSchema

_NO_SCHEMAS = frozenset({"metadata", "default", "serialization", "config"})


def find_lazy(schema: CoreSchema) -> str | None:
    """Where the first lazy type is: `Order.items`, "" where no field holds it; None without one."""
    return next(_find(schema, ""), None)


def _find(schema: Any, place: str) -> Iterator[str]:
    match schema:
        case {"type": "generator"}:
            yield place
        case {"cls": type() as cls}:
            place = cls.__qualname__
        case {"name": str(name), "schema": _}:  # of a dataclass or a named tuple
            place = f"{place}.{name}"
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
