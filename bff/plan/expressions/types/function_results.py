"""How the type of a function's value follows from those of its arguments.

A rule gets the arguments' types, each of which fits what the function takes; in the place of an
`&expression`, the type of its value over one element.
"""

from collections.abc import Callable, Sequence
from itertools import product

from bff.plan.types import kinds as t
from bff.plan.types.algebra import (
    alternatives,
    fits,
    list_of_parts,
    nullable,
    scalar_of,
    union,
)

Rule = Callable[[Sequence[t.Type]], t.Type]

_OBJECT = t.ObjectOf(extra=t.ANYTHING)
_MERGED_AT_MOST = 32  # combinations of alternatives; beyond, a merged object is just an object


def always(given: t.Type) -> Rule:
    """A type that hangs on no argument."""
    return lambda _arguments: given


def same(arguments: Sequence[t.Type]) -> t.Type:
    """abs, reverse, sort, sort_by, unique: of the first argument's type, but no constant, nor a
    list in a known order."""

    def of_one(each: t.Type) -> t.Type:
        match each:
            case t.Constant():
                return scalar_of(each)
            case t.ListOf(element):
                return t.ListOf(element)
            case _:
                return each

    return union(*map(of_one, alternatives(arguments[0])))


def one_of(arguments: Sequence[t.Type]) -> t.Type:
    """max, min, max_by, min_by: an element, null of an empty list."""
    return nullable(element_of(arguments[0]))


def total(arguments: Sequence[t.Type]) -> t.Type:
    """sum: integers stay integers."""
    return t.INTEGER if is_integer(element_of(arguments[0])) else t.NUMBER


def each_value(arguments: Sequence[t.Type]) -> t.Type:
    """map: a list of what the expression gives."""
    return t.ListOf(arguments[0])


def not_null(arguments: Sequence[t.Type]) -> t.Type:
    """not_null: null only where each argument may be."""
    found: list[t.Type] = []
    for argument in arguments:
        each = alternatives(argument)
        found.extend(one for one in each if one != t.NULL)
        if t.NULL not in each and t.ANYTHING not in each:
            return union(*found)
    return nullable(union(*found))


def to_array(arguments: Sequence[t.Type]) -> t.Type:
    """to_array: a list of what is no list."""
    return union(
        *(
            each if isinstance(each, t.ListOf) else t.ListOf(each)
            for each in alternatives(arguments[0])
        )
    )


def to_integer(arguments: Sequence[t.Type]) -> t.Type:
    """to_integer: null of what is no whole number."""

    def of_one(each: t.Type) -> t.Type:
        if each == t.ANYTHING or fits(each, t.STRING):
            return nullable(t.INTEGER)
        if fits(each, t.INTEGER):
            return each
        return nullable(t.INTEGER) if fits(each, t.NUMBER) else t.NULL

    return union(*map(of_one, alternatives(arguments[0])))


def rounded(arguments: Sequence[t.Type]) -> t.Type:
    """round: an integer to no digits, and of an integer."""
    to_whole = len(arguments) == 1 or _is_at_most_0(arguments[1])
    return t.INTEGER if to_whole or is_integer(arguments[0]) else t.NUMBER


def _is_at_most_0(digits: t.Type) -> bool:
    return isinstance(digits, t.Constant) and isinstance(digits.value, int) and digits.value <= 0


def to_number(arguments: Sequence[t.Type]) -> t.Type:
    """to_number: null of what is no number."""

    def of_one(each: t.Type) -> t.Type:
        if each == t.ANYTHING or fits(each, t.STRING):
            return nullable(t.NUMBER)
        return each if fits(each, t.NUMBER) else t.NULL

    return union(*map(of_one, alternatives(arguments[0])))


def type_name(arguments: Sequence[t.Type]) -> t.Type:
    """type: the names of what the argument may be."""

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


def items(arguments: Sequence[t.Type]) -> t.Type:
    """items: pairs of a name and a value."""
    return t.ListOf(list_of_parts((t.STRING, values_of(arguments[0]))))


def from_items(arguments: Sequence[t.Type]) -> t.Type:
    """from_items: an object of the pairs' values."""
    found = union(
        *(
            each.parts[1] if isinstance(each, t.ListOf) and len(each.parts) == 2 else t.ANYTHING
            for each in alternatives(element_of(arguments[0]))
        )
    )
    return t.ObjectOf(extra=found)


def zipped(arguments: Sequence[t.Type]) -> t.Type:
    """zip: lists with one element of each argument."""
    return t.ListOf(list_of_parts(tuple(map(element_of, arguments))))


def grouped(arguments: Sequence[t.Type]) -> t.Type:
    """group_by: a list of elements under each key."""
    return t.ObjectOf(extra=t.ListOf(element_of(arguments[0])))


def indexed(arguments: Sequence[t.Type]) -> t.Type:
    """index_by: an element under each key."""
    return t.ObjectOf(extra=element_of(arguments[0]))


def value_at(arguments: Sequence[t.Type]) -> t.Type:
    """get: the field where its name is known; null where it may be missing."""
    source, key = arguments
    if not isinstance(key, t.Constant):
        return nullable(values_of(source))
    found: list[t.Type] = []
    for each in alternatives(source):
        field = field_of(each, str(key.value))
        if each == t.ANYTHING:
            found.append(t.ANYTHING)
        elif field is None:
            found.append(t.NULL)
        else:
            found.append(field.type if field.required else nullable(field.type))
    return union(*found)


def values(arguments: Sequence[t.Type]) -> t.Type:
    """values: a list of an object's values."""
    return t.ListOf(values_of(arguments[0]))


def merge(arguments: Sequence[t.Type]) -> t.Type:
    """merge: the fields of all, the last one's where several have one."""
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


def is_integer(inferred: t.Type) -> bool:
    """Whether every value is an integer, and this is known."""
    return inferred != t.ANYTHING and fits(inferred, t.INTEGER)


def field_of(each: t.Type, name: str) -> t.Field | None:
    """The field of an object; None where it has none, or is none."""
    if not isinstance(each, t.ObjectOf):
        return None
    field = dict(each.fields).get(name)
    if field is None and each.extra is not None:
        return t.Field(each.extra, required=False)
    return field


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
