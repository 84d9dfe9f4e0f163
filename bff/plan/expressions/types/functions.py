"""The built-in functions: the types of their arguments and of their values.

Their code is in `bff.plan.expressions.closures.functions`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, fits, nullable, scalar_of, union

_NUMBERS = t.ListOf(t.NUMBER)
_STRINGS = t.ListOf(t.STRING)
_ONE_KIND = union(_NUMBERS, _STRINGS)
_LIST = t.ListOf(t.ANYTHING)
_OBJECT = t.ObjectOf(extra=t.ANYTHING)
_MERGED_AT_MOST = 32  # combinations of alternatives; beyond, a merged object is just an object

WORDS = {
    t.NUMBER: "a number",
    t.STRING: "a string",
    t.ANYTHING: "a value",
    _NUMBERS: "a list of numbers",
    _STRINGS: "a list of strings",
    _ONE_KIND: "a list of numbers or one of strings",
    _LIST: "a list",
    _OBJECT: "an object",
    union(_LIST, t.STRING): "a list or a string",
    union(_LIST, t.STRING, _OBJECT): "a string, a list or an object",
}  # what a signature takes, in words; keyed by the type


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of a function's arguments, and how its value's type follows from them.

    None among `takes` is an `&expression`. `gives` gets the arguments' types, each of which fits;
    in the place of an `&expression`, the type of its value over one element.
    """

    takes: tuple[t.Type | None, ...]
    gives: Callable[[Sequence[t.Type]], t.Type]
    repeats: bool = False  # the last argument may come any number of times

    def accepts(self, count: int) -> bool:
        """Whether it may be called with so many arguments."""
        return count >= len(self.takes) if self.repeats else count == len(self.takes)

    @property
    def arity(self) -> str:
        """How many arguments it takes, in words."""
        least = "at least " if self.repeats else ""
        return f"{least}{len(self.takes)} argument{'s' if len(self.takes) > 1 else ''}"


def _always(given: t.Type) -> Callable[[Sequence[t.Type]], t.Type]:
    return lambda _arguments: given


def _same(arguments: Sequence[t.Type]) -> t.Type:
    """abs, reverse, sort, sort_by: a value of the first argument's type, but no constant."""
    return union(
        *(
            scalar_of(each) if isinstance(each, t.Constant) else each
            for each in alternatives(arguments[0])
        )
    )


def _one_of(arguments: Sequence[t.Type]) -> t.Type:
    """max, min, max_by, min_by: an element, null of an empty list."""
    return nullable(element_of(arguments[0]))


def _sum(arguments: Sequence[t.Type]) -> t.Type:
    element = element_of(arguments[0])
    whole = element != t.ANYTHING and fits(element, t.INTEGER)
    return t.INTEGER if whole else t.NUMBER


def _map(arguments: Sequence[t.Type]) -> t.Type:
    return t.ListOf(arguments[0])


def _not_null(arguments: Sequence[t.Type]) -> t.Type:
    found: list[t.Type] = []
    for argument in arguments:
        each = alternatives(argument)
        found.extend(one for one in each if one != t.NULL)
        if t.NULL not in each and t.ANYTHING not in each:
            return union(*found)
    return nullable(union(*found))


def _to_array(arguments: Sequence[t.Type]) -> t.Type:
    return union(
        *(
            each if isinstance(each, t.ListOf) else t.ListOf(each)
            for each in alternatives(arguments[0])
        )
    )


def _to_number(arguments: Sequence[t.Type]) -> t.Type:
    def of_one(each: t.Type) -> t.Type:
        if each == t.ANYTHING or fits(each, t.STRING):
            return nullable(t.NUMBER)
        return each if fits(each, t.NUMBER) else t.NULL

    return union(*map(of_one, alternatives(arguments[0])))


def _type_name(arguments: Sequence[t.Type]) -> t.Type:
    def of_one(each: t.Type) -> t.Type:
        match each:
            case t.Constant():
                return of_one(scalar_of(each))
            case t.Scalar("integer"):
                return t.Constant("number")
            case t.Scalar(kind):
                return t.Constant(kind)
            case t.ListOf():
                return t.Constant("array")
            case t.ObjectOf():
                return t.Constant("object")
            case _:
                kinds = ("null", "boolean", "number", "string", "array", "object")
                return union(*map(t.Constant, kinds))

    return union(*map(of_one, alternatives(arguments[0])))


def _values(arguments: Sequence[t.Type]) -> t.Type:
    return t.ListOf(values_of(arguments[0]))


def _merge(arguments: Sequence[t.Type]) -> t.Type:
    objects = [
        [each if isinstance(each, t.ObjectOf) else _OBJECT for each in alternatives(argument)]
        for argument in arguments
    ]
    count = 1
    for each in objects:
        count *= len(each)
    if count > _MERGED_AT_MOST:
        return _OBJECT
    merged: list[t.Type] = []
    for combination in product(*objects):
        whole = combination[0]
        for later in combination[1:]:
            whole = _merged(whole, later)
        merged.append(whole)
    return union(*merged)


def _merged(earlier: t.ObjectOf, later: t.ObjectOf) -> t.ObjectOf:
    """The type of both objects' fields, the later's winning where it has them."""
    before, after = dict(earlier.fields), dict(later.fields)
    fields: dict[str, t.Field] = {}
    for name, field in before.items():
        over = after.get(name)
        if over is not None and over.required:
            fields[name] = over
        elif over is not None:
            fields[name] = t.Field(union(field.type, over.type), field.required)
        elif later.extra is not None:
            fields[name] = t.Field(union(field.type, later.extra), field.required)
        else:
            fields[name] = field
    for name, field in after.items():
        if name not in before:
            may_stay = not field.required and earlier.extra is not None
            under = earlier.extra if may_stay and earlier.extra is not None else t.NOTHING
            fields[name] = t.Field(union(field.type, under), field.required)
    extras = [each for each in (earlier.extra, later.extra) if each is not None]
    return t.ObjectOf(tuple(fields.items()), union(*extras) if extras else None)


def element_of(inferred: t.Type) -> t.Type:
    """The type of the elements of whatever lists a value may be."""
    return union(
        *(
            each.element if isinstance(each, t.ListOf) else each
            for each in alternatives(inferred)
            if isinstance(each, t.ListOf | t.Anything)
        )
    )


def values_of(inferred: t.Type) -> t.Type:
    """The type of the values of whatever objects a value may be."""
    found: list[t.Type] = []
    for each in alternatives(inferred):
        match each:
            case t.ObjectOf(fields, extra):
                found += [field.type for _, field in fields]
                found += [] if extra is None else [extra]
            case t.Anything():
                found.append(each)
    return union(*found)


_INTEGER = _always(t.INTEGER)
_BOOLEAN = _always(t.BOOLEAN)
_STRING = _always(t.STRING)

SIGNATURES = {
    "abs": Signature((t.NUMBER,), _same),
    "avg": Signature((_NUMBERS,), _always(nullable(t.NUMBER))),
    "ceil": Signature((t.NUMBER,), _INTEGER),
    "contains": Signature((union(_LIST, t.STRING), t.ANYTHING), _BOOLEAN),
    "ends_with": Signature((t.STRING, t.STRING), _BOOLEAN),
    "floor": Signature((t.NUMBER,), _INTEGER),
    "join": Signature((t.STRING, _STRINGS), _STRING),
    "keys": Signature((_OBJECT,), _always(_STRINGS)),
    "length": Signature((union(_LIST, t.STRING, _OBJECT),), _INTEGER),
    "map": Signature((None, _LIST), _map),
    "max": Signature((_ONE_KIND,), _one_of),
    "max_by": Signature((_LIST, None), _one_of),
    "merge": Signature((_OBJECT,), _merge, repeats=True),
    "min": Signature((_ONE_KIND,), _one_of),
    "min_by": Signature((_LIST, None), _one_of),
    "not_null": Signature((t.ANYTHING,), _not_null, repeats=True),
    "reverse": Signature((union(_LIST, t.STRING),), _same),
    "sort": Signature((_ONE_KIND,), _same),
    "sort_by": Signature((_LIST, None), _same),
    "starts_with": Signature((t.STRING, t.STRING), _BOOLEAN),
    "sum": Signature((_NUMBERS,), _sum),
    "to_array": Signature((t.ANYTHING,), _to_array),
    "to_number": Signature((t.ANYTHING,), _to_number),
    "to_string": Signature((t.ANYTHING,), _STRING),
    "type": Signature((t.ANYTHING,), _type_name),
    "values": Signature((_OBJECT,), _values),
}
