"""The base of all declared mappings: it reports violations, and keeps what is right of a mapping.

Rules:
1. One violation hides no other. Under `TOLERANT`, a mapping keeps its right keys. A wrong key has
   its default, or the emptiest value of its type, and `knows` returns false for it. The mapping
   holds its errors until `bff.declarations.validation` collects them.
2. A model's own checks compare keys and yield `Violation`s, with paths from the mapping. They run
   on mappings that are partly wrong too, so a check skips the keys that aren't known.
3. An unknown key counts as a misspelling of the nearest key that is absent; where none is near and
   it holds a mapping, as any absent key that could hold one. Those keys are not known then. The
   value of a misspelt key is read as if the key were right, which reports its violations, and left
   out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from bff.declarations.environment.filling import LOST, EnvironmentUse, FilledText
from bff.declarations.suggestions import nearest

ERROR_TYPE = "violations"
TOLERANT: Final = object()  # the validation context under which right keys are kept

_WRONG: Final = object()  # stands under a required key whose value is wrong


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong at `path`: with the value there, or with the key that the path ends in."""

    what: str
    mend: str = ""
    path: tuple[str | int, ...] = ()
    at_key: bool = False


def refusal(*violations: Violation) -> PydanticCustomError:
    """The error that carries violations, for validators to raise."""
    return PydanticCustomError(ERROR_TYPE, "found wrong", {"violations": violations})


@dataclass(frozen=True, slots=True)
class Misspelling:
    """An unknown key, the key that is meant, and the mapping read with that key instead."""

    key: str
    meant: str
    mended: "Declaration"


class Declaration(BaseModel):
    """A mapping in a project's files: frozen, strict, without unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    # Of a whole file: where it refers to the environment; None: nowhere.
    environment: ClassVar[EnvironmentUse | None] = None

    _errors: tuple[ErrorDetails, ...] = PrivateAttr(default=())
    _unknown: frozenset[str] = PrivateAttr(default=frozenset())
    _misspelt: tuple[Misspelling, ...] = PrivateAttr(default=())

    def violations(self) -> Iterator[Violation]:
        """What is wrong between this mapping's keys."""
        yield from ()

    def knows(self, *keys: str) -> bool:
        """Whether the values of these keys (as files write them) are what the file means."""
        return self._unknown.isdisjoint(keys)

    @property
    def unknown(self) -> frozenset[str]:
        """The keys for which `knows` is false."""
        return self._unknown

    @property
    def misspelt(self) -> tuple[Misspelling, ...]:
        """The unknown keys that are near to one that is not there."""
        return self._misspelt

    @property
    def errors(self) -> tuple[ErrorDetails, ...]:
        """pydantic's errors of this mapping's own keys."""
        return self._errors

    @model_validator(mode="wrap")
    @classmethod
    def _keep_what_is_right(
        cls, data: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        try:
            return validate(data)
        except ValidationError as error:
            if info.context is not TOLERANT:
                raise
            errors = error.errors(include_url=False)
        kept, unknown, errors = _divide(data, errors, keys_of(cls))
        found = validate(kept)
        found._errors, found._unknown = tuple(errors), unknown
        found._misspelt = tuple(
            Misspelling(key, meant, cls._mended(kept | {meant: data[key]}, unknown - {meant}))
            for meant, key in _misspelt(data, errors, keys_of(cls)).items()
        )
        return found

    @classmethod
    def _mended(cls, data: dict[str, Any], unknown: frozenset[str]) -> Self:
        found = cls.model_validate(data, context=TOLERANT)
        found._unknown |= unknown
        return found

    @field_validator("*", mode="wrap")
    @classmethod
    def _stand_in(
        cls, value: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        if value is _WRONG and info.field_name is not None:
            return _emptiest(cls.model_fields[info.field_name].annotation)
        if value is LOST:
            raise refusal()
        if isinstance(value, FilledText):
            return _validate_filled(value, validate)
        return validate(value)


def _validate_filled(text: FilledText, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(text)
    except ValidationError:
        plain = text.plain()
        if isinstance(plain, str):
            raise
        return validate(plain)


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the keys that files write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def check_keys(
    key: str, names: Iterable[str], check: Callable[[str], Violation | None]
) -> Iterator[Violation]:
    """What is wrong with the names that a mapping under `key` has for its keys."""
    for name in names:
        if found := check(name):
            yield Violation(found.what, found.mend, (key, name), at_key=True)


def _divide(
    data: Any, errors: list[ErrorDetails], fields: Mapping[str, FieldInfo]
) -> tuple[dict[str, Any], frozenset[str], list[ErrorDetails]]:
    """The right keys of a mapping, the keys that are not known, and the errors that explain it."""
    given: dict[str, Any] = data if isinstance(data, dict) else {}
    kept, unknown = dict(given), set(fields if given is not data else ())
    meant: set[str] = set()
    for error in errors:
        key, *below = [str(part) for part in error["loc"]] or [""]
        entries = kept.get(key)
        if error["type"] == "extra_forbidden":
            del kept[key]
            meant |= _meant(key, given, fields)
        elif below and isinstance(entries, dict) and entries.keys() - {below[0]}:
            kept[key] = {name: entry for name, entry in entries.items() if name != below[0]}
        elif key in fields:
            kept.pop(key, None)
            unknown.add(key)
    reported = [each for each in errors if each["type"] != "missing" or each["loc"][0] not in meant]
    unknown |= meant
    kept |= {key: _WRONG for key in unknown if fields[key].is_required()}
    return kept, frozenset(unknown), reported


def _misspelt(
    data: Mapping[str, Any], errors: list[ErrorDetails], fields: Mapping[str, FieldInfo]
) -> dict[str, str]:
    """The keys that unknown ones are near to, each with the first of those."""
    found: dict[str, str] = {}
    for error in errors:
        key = str(error["loc"][0]) if error["type"] == "extra_forbidden" else ""
        if key and (meant := nearest(key, fields.keys() - data.keys())):
            found.setdefault(meant, key)
    return found


def _meant(key: str, given: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> set[str]:
    """The keys, of those that are not there, that the unknown `key` may be meant for."""
    absent = fields.keys() - given.keys()
    if guess := nearest(key, absent):
        return {guess}
    kinds = {
        name: get_origin(fields[name].annotation) or fields[name].annotation for name in absent
    }
    return {
        name for name, kind in kinds.items() if isinstance(given[key], dict) and kind in (dict, Any)
    }


def _emptiest(annotation: Any) -> Any:
    kind = get_origin(annotation) or annotation
    if kind is Literal:
        return get_args(annotation)[0]
    return kind() if kind in (str, int, float, dict) else None
