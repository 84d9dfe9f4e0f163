"""The syntax tree of an expression: JMESPath's own node kinds, with the places they stand at.

`kind` is the kind that the `jmespath` library's parser gives (`field`, `subexpression`,
`projection`, `function_expression`, …); `value` and `children` are as there, but for a `slice`:
its `value` is `(start, stop, step)`, integers or None, and it has no children. `start` and `end`
are offsets in characters within the expression's source, which the library's nodes lack.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One node; frozen, so that one parse serves the checker, the compiler and the cache key."""

    kind: str
    value: Any = None
    children: tuple["Node", ...] = ()
    start: int = 0
    end: int = 0
