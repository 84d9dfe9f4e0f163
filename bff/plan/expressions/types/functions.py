"""The functions: the types of their arguments and of their values.

Their code is in `bff.plan.expressions.closures.functions`.
"""

from dataclasses import dataclass

from bff.plan.expressions.types import function_results as gives
from bff.plan.expressions.types.function_results import Rule, always
from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable, union

_NUMBERS = t.ListOf(t.NUMBER)
_STRINGS = t.ListOf(t.STRING)
_ONE_KIND = union(_NUMBERS, _STRINGS)
_LIST = t.ListOf(t.ANYTHING)
_LISTS = t.ListOf(_LIST)
_OBJECT = t.ObjectOf(extra=t.ANYTHING)

WORDS = {
    t.NUMBER: "a number",
    t.INTEGER: "a whole number",
    t.STRING: "a string",
    t.ANYTHING: "a value",
    _NUMBERS: "a list of numbers",
    _STRINGS: "a list of strings",
    _ONE_KIND: "a list of numbers or one of strings",
    _LIST: "a list",
    _LISTS: "a list of pairs",
    _OBJECT: "an object",
    union(_LIST, t.STRING): "a list or a string",
    union(_LIST, t.STRING, _OBJECT): "a string, a list or an object",
}  # what a signature takes, in words; keyed by the type


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of a function's arguments, and how its value's type follows from them.

    None among `takes` is an `&expression`, whose value over an element is of one of `keys`, where
    any are named. Of the arguments the last ones may be left out, so many as `optional` states.
    """

    takes: tuple[t.Type | None, ...]
    gives: Rule
    optional: int = 0
    repeats: bool = False  # the last argument may come any number of times
    keys: tuple[t.Type, ...] = ()

    def accepts(self, count: int) -> bool:
        """Whether it may be called with so many arguments."""
        least = len(self.takes) - self.optional
        return count >= least and (self.repeats or count <= len(self.takes))

    @property
    def arity(self) -> str:
        """How many arguments it takes, in words."""
        most, least = len(self.takes), len(self.takes) - self.optional
        prefix = "at least " if self.repeats else f"{least} to " if self.optional else ""
        return f"{prefix}{most} argument{'s' if most > 1 else ''}"


_INTEGER = always(t.INTEGER)
_BOOLEAN = always(t.BOOLEAN)
_STRING = always(t.STRING)
_POSITION = always(nullable(t.INTEGER))
_ORDER = (t.NUMBER, t.STRING)  # one or the other, never both

SIGNATURES = {
    "abs": Signature((t.NUMBER,), gives.same),
    "avg": Signature((_NUMBERS,), always(nullable(t.NUMBER))),
    "ceil": Signature((t.NUMBER,), _INTEGER),
    "contains": Signature((union(_LIST, t.STRING), t.ANYTHING), _BOOLEAN),
    "ends_with": Signature((t.STRING, t.STRING), _BOOLEAN),
    "find_first": Signature((t.STRING, t.STRING, t.INTEGER, t.INTEGER), _POSITION, 2),
    "find_last": Signature((t.STRING, t.STRING, t.INTEGER, t.INTEGER), _POSITION, 2),
    "floor": Signature((t.NUMBER,), _INTEGER),
    "from_items": Signature((_LISTS,), gives.from_items),
    "get": Signature((_OBJECT, t.STRING), gives.value_at),
    "group_by": Signature((_LIST, None), gives.grouped, keys=(nullable(t.STRING),)),
    "index_by": Signature((_LIST, None), gives.indexed, keys=(t.STRING,)),
    "items": Signature((_OBJECT,), gives.items),
    "join": Signature((t.STRING, _STRINGS), _STRING),
    "keys": Signature((_OBJECT,), always(_STRINGS)),
    "length": Signature((union(_LIST, t.STRING, _OBJECT),), _INTEGER),
    "lower": Signature((t.STRING,), _STRING),
    "map": Signature((None, _LIST), gives.each_value),
    "max": Signature((_ONE_KIND,), gives.one_of),
    "max_by": Signature((_LIST, None), gives.one_of, keys=_ORDER),
    "merge": Signature((_OBJECT,), gives.merge, repeats=True),
    "min": Signature((_ONE_KIND,), gives.one_of),
    "min_by": Signature((_LIST, None), gives.one_of, keys=_ORDER),
    "not_null": Signature((t.ANYTHING,), gives.not_null, repeats=True),
    "pad_left": Signature((t.STRING, t.INTEGER, t.STRING), _STRING, 1),
    "pad_right": Signature((t.STRING, t.INTEGER, t.STRING), _STRING, 1),
    "replace": Signature((t.STRING, t.STRING, t.STRING, t.INTEGER), _STRING, 1),
    "reverse": Signature((union(_LIST, t.STRING),), gives.same),
    "round": Signature((t.NUMBER, t.INTEGER), gives.rounded, 1),
    "sort": Signature((_ONE_KIND,), gives.same),
    "sort_by": Signature((_LIST, None), gives.same, keys=_ORDER),
    "split": Signature((t.STRING, t.STRING, t.INTEGER), always(_STRINGS), 1),
    "starts_with": Signature((t.STRING, t.STRING), _BOOLEAN),
    "sum": Signature((_NUMBERS,), gives.total),
    "to_array": Signature((t.ANYTHING,), gives.to_array),
    "to_integer": Signature((t.ANYTHING,), gives.to_integer),
    "to_number": Signature((t.ANYTHING,), gives.to_number),
    "to_string": Signature((t.ANYTHING,), _STRING),
    "trim": Signature((t.STRING, t.STRING), _STRING, 1),
    "trim_left": Signature((t.STRING, t.STRING), _STRING, 1),
    "trim_right": Signature((t.STRING, t.STRING), _STRING, 1),
    "type": Signature((t.ANYTHING,), gives.type_name),
    "unique": Signature((_LIST,), gives.same),
    "upper": Signature((t.STRING,), _STRING),
    "values": Signature((_OBJECT,), gives.values),
    "zip": Signature((_LIST,), gives.zipped, repeats=True),
}
