"""Schemas whose lists leave out the elements that are wrong: `invalid: drop`. Pure.

**The rule.** An element that breaks its schema is left out of the innermost list that it is in.
What is wrong outside of lists is refused as ever, as is a list that is too short without it.

A wrong element becomes a mark within pydantic-core, and a function of ours takes the marks out of
each list, so that sound elements cost no call of Python's: 100,000 small ones, half of them wrong,
take 0.4 s. Within a union nothing is left out: a list of something else would fit a choice as an
empty one, and hide the right choice.
"""

from typing import Any, Final

from pydantic import ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_WRONG: Final = object()
_COUNT: Final = "dropped"  # the context's key, among the hashes that `bff.plan.schemas.hashes` has
_SUFFIX: Final = " without what is wrong"
_NO_SCHEMAS: Final = frozenset(
    {"metadata", "default", "serialization", "config", "cls", "expected", "members", "function"}
)


def dropping(schema: CoreSchema) -> CoreSchema | None:
    """The schema that leaves elements out; None where it has no list that could lack some. Each
    validation needs a context, whose elements that were left out `count_dropped` counts."""
    walk = _Walk({each["ref"] for each in schema.get("definitions", ())})
    changed = walk.changed(schema)
    return changed if walk.has_lists else None


def count_dropped(context: dict[Any, Any]) -> int:
    """How many elements were left out in the validation that had this context."""
    return int(context.get(_COUNT, 0))


class _Walk:
    def __init__(self, defined: set[str]) -> None:
        self.has_lists = False
        self._defined = defined

    def changed(self, schema: Any) -> Any:
        match schema:
            case {"type": "definitions", "definitions": definitions, "schema": inner}:
                # Unions refer to the definitions as they are
                both = [*definitions, *map(self.changed, definitions)]
                return {**schema, "definitions": both, "schema": self.changed(inner)}
            case {"type": "definition-ref", "schema_ref": ref}:
                return {**schema, "schema_ref": f"{ref}{_SUFFIX}"}
            case {"type": "union"}:
                return _without_names(schema, self._defined)
            case {"type": "list", "items_schema": _}:
                return self._list(schema)
            case {"type": str()}:
                return self._parts(schema)
            case dict():
                return {key: self.changed(each) for key, each in schema.items()}
            case list() | tuple():
                return type(schema)(map(self.changed, schema))
            case _:
                return schema

    def _parts(self, schema: Any) -> Any:
        parts = {
            key: each if key in _NO_SCHEMAS else self.changed(each) for key, each in schema.items()
        }
        if "ref" in parts:
            parts["ref"] = f"{parts['ref']}{_SUFFIX}"
        return parts

    def _list(self, schema: Any) -> Any:
        self.has_lists = True
        parts = self._parts(schema)
        parts["items_schema"] = core_schema.with_default_schema(
            parts["items_schema"], default=_WRONG, on_error="default"
        )
        least = schema.get("min_length") or 0

        def take_out(values: list[Any], info: ValidationInfo) -> list[Any]:
            sound = [each for each in values if each is not _WRONG]
            if len(sound) < least:
                raise PydanticCustomError("too_short", "too few elements are sound")
            if len(sound) < len(values):
                context: Any = info.context
                context[_COUNT] = count_dropped(context) + len(values) - len(sound)
            return sound

        ref = parts.pop("ref", None)
        return core_schema.with_info_after_validator_function(take_out, parts, ref=ref)


def _without_names(schema: Any, defined: set[str]) -> Any:
    """A copy without the names of its parts, of which the original has the same, unless others
    refer to them."""
    match schema:
        case dict():
            return {
                key: each if key in _NO_SCHEMAS else _without_names(each, defined)
                for key, each in schema.items()
                if not (key == "ref" and each not in defined)
            }
        case list() | tuple():
            return type(schema)(_without_names(each, defined) for each in schema)
        case _:
            return schema
