"""The types that expressions, steps and payloads have at compile time.

They describe JSON values as a frontend sees them: field names are serialization aliases, dates
are strings. `Anything` is gradual: it fits every type, and every type fits it. Types are frozen,
compare by value and may be shared between threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Anything:
    """A value of which nothing is known (pydantic's `Any`)."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """`integer` is a `number` too; the others stand alone."""

    kind: Literal["null", "boolean", "integer", "number", "string"]


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """One JSON scalar that is known exactly: a literal or a member of an enum.

    `1`, `1.0` and `true` are three constants, though Python holds them equal.
    """

    value: str | int | float | bool

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constant):
            return NotImplemented
        return type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class ListOf:
    """A JSON array; `parts` are the types of its elements one by one, where their number is known:
    of `[id, name]`, and of a pair that `items` gives. `element` is then their union."""

    element: "Type"
    parts: "tuple[Type, ...]" = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object; a `required` key is always there (its value may be null)."""

    type: "Type"
    required: bool = True


HEADERS_NAME = "headers"  # the name of the object that the headers of steps' replies are
PARAMS_NAME = "params"  # the name of the object that a composition's params are


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """A JSON object; `extra` types the keys that are not named (`dict[str, T]`), if any may be."""

    fields: tuple[tuple[str, Field], ...] = ()
    extra: "Type | None" = None
    name: str | None = field(default=None, compare=False)  # the model's name, for people


@dataclass(frozen=True, slots=True)
class Named:
    """A reference by name, which is how recursive models stay finite."""

    name: str
    definitions: "Mapping[str, Type]" = field(compare=False, repr=False, hash=False)

    def resolve(self) -> "Type":
        """The type that the name stands for; never another `Named`."""
        found = self.definitions[self.name]
        return found.resolve() if isinstance(found, Named) else found


@dataclass(frozen=True, slots=True)
class Union:
    """One of several types; flat, without repeats, at least two members (see `union`).

    Without any it is `NOTHING`, which no value has: the element of a list that is always empty.
    """

    members: "frozenset[Type]"


Type = Anything | Scalar | Constant | ListOf | ObjectOf | Named | Union

ANYTHING = Anything()
NULL = Scalar("null")
BOOLEAN = Scalar("boolean")
INTEGER = Scalar("integer")
NUMBER = Scalar("number")
STRING = Scalar("string")
NOTHING = Union(frozenset())
