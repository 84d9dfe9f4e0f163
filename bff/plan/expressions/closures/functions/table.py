"""The functions of expressions at run time: those of JMESPath Community, and a few of ours.

They work on plain JSON values (dict, list, str, int, float, bool, None). What one refuses is an
`EvaluationError` (`bff.plan.expressions.closures.arguments`). None changes its arguments; results
may share structure with them. JSON has no NaN and no Infinity: `to_number` gives null for their
texts, and a result that would be one is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bff.plan.expressions.closures.arguments import kind_of
from bff.plan.expressions.closures.functions import lists, numbers, texts


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how many arguments it takes, and which of them is an expression."""

    call: Callable[..., Any]
    least: int
    most: int | None = None  # None: so many as `least`
    variadic: bool = False
    expression_at: int | None = None

    def accepts(self, count: int) -> bool:
        """Whether it may be called with so many arguments."""
        return count >= self.least and (self.variadic or count <= (self.most or self.least))


FUNCTIONS: Final[Mapping[str, Function]] = {
    "abs": Function(numbers.absolute, 1),
    "avg": Function(numbers.average, 1),
    "ceil": Function(numbers.ceil, 1),
    "contains": Function(lists.contains, 2),
    "ends_with": Function(texts.ends_with, 2),
    "find_first": Function(texts.find_first, 2, 4),
    "find_last": Function(texts.find_last, 2, 4),
    "floor": Function(numbers.floor, 1),
    "from_items": Function(lists.from_items, 1),
    "get": Function(lists.get, 2),
    "group_by": Function(lists.group_by, 2, expression_at=1),
    "index_by": Function(lists.index_by, 2, expression_at=1),
    "items": Function(lists.items, 1),
    "join": Function(texts.join, 2),
    "keys": Function(lists.keys, 1),
    "length": Function(lists.length, 1),
    "lower": Function(texts.lower, 1),
    "map": Function(lists.map_each, 2, expression_at=0),
    "max": Function(lists.largest, 1),
    "max_by": Function(lists.max_by, 2, expression_at=1),
    "merge": Function(lists.merge, 1, variadic=True),
    "min": Function(lists.smallest, 1),
    "min_by": Function(lists.min_by, 2, expression_at=1),
    "not_null": Function(lists.not_null, 1, variadic=True),
    "pad_left": Function(texts.pad_left, 2, 3),
    "pad_right": Function(texts.pad_right, 2, 3),
    "replace": Function(texts.replace, 3, 4),
    "reverse": Function(lists.reverse, 1),
    "round": Function(numbers.round_half_up, 1, 2),
    "sort": Function(lists.sort, 1),
    "sort_by": Function(lists.sort_by, 2, expression_at=1),
    "split": Function(texts.split, 2, 3),
    "starts_with": Function(texts.starts_with, 2),
    "sum": Function(numbers.total, 1),
    "to_array": Function(lists.to_array, 1),
    "to_integer": Function(numbers.to_integer, 1),
    "to_number": Function(numbers.to_number, 1),
    "to_string": Function(texts.to_string, 1),
    "trim": Function(texts.trim, 1, 2),
    "trim_left": Function(texts.trim_left, 1, 2),
    "trim_right": Function(texts.trim_right, 1, 2),
    "type": Function(kind_of, 1),
    "unique": Function(lists.unique, 1),
    "upper": Function(texts.upper, 1),
    "values": Function(lists.values, 1),
    "zip": Function(lists.zip_lists, 1, variadic=True),
}
