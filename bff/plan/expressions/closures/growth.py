"""How far a value may grow while an expression is evaluated, and the check where it may grow much.

`[@, @]` costs two references and is written twice. Twenty-two of them in a row make 25 MB of 8
bytes. So the compiler counts, for each node, how often a part of its input may stand in its value;
where that exceeds `MOST_COPIES`, the closure weighs its value. Other expressions are not slowed.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from bff.errors import TooLargeError
from bff.plan.expressions.closures.arguments import too_deep_to_compare
from bff.plan.expressions.closures.chains import Evaluate, Link
from bff.plan.expressions.grammar.free_names import ROOT_SIGN, free_names
from bff.plan.expressions.grammar.nodes import Node

MOST_COPIES: Final = 16
LARGEST_VALUE: Final = 8 * 1024 * 1024  # bytes as JSON, about

_BYTES_OF_AN_ELEMENT: Final = 64  # that a projection puts a literal beside
_BYTES_OF_A_TEXT: Final = 3  # in a list: quotes and comma
_GROWTH: Final = {
    "to_string": 7,  # bytes that one may take within a text of JSON
    "split": 4,  # a text of one character, with quotes and comma
    "lower": 3, "upper": 3,  # characters that one may become
}  # fmt: skip
_SMALL: Final = frozenset(
    {"abs", "avg", "ceil", "contains", "ends_with", "find_first", "find_last", "floor", "length",
     "round", "starts_with", "sum", "to_integer", "to_number", "type"}
)  # fmt: skip

T = TypeVar("T")
_Copies = Mapping[tuple[str, ...], int]  # how often what lies at a path may stand in the value
_Around = Mapping[str, int]


def copies(link: Link) -> int:
    """How often a part of the current value, or of a variable's, may stand in the link's value; at
    least 1."""
    return 1 if isinstance(link, tuple) else _most(_copies(link, {}))


def with_checks(steps: Sequence[tuple[T, int]]) -> list[T | Evaluate]:
    """The steps, each with how often it may copy its input, and checks where they may copy much:
    before the step that would exceed `MOST_COPIES`, and at the end."""
    checked: list[T | Evaluate] = []
    grown = 1
    for step, count in steps:
        if grown > 1 and grown * count > MOST_COPIES:
            checked.append(bounded)
            grown = 1
        checked.append(step)
        grown *= count
    return [*checked, bounded] if bounded in checked or grown > MOST_COPIES else checked


def too_large() -> TooLargeError:
    """What is raised for a value that is larger than `LARGEST_VALUE`."""
    return TooLargeError(f"a value of more than {LARGEST_VALUE} bytes")


def weight_of(value: Any) -> int:
    """The length of the value's JSON text, about. Raises `EvaluationError` for one too deep."""
    try:
        return _weigh(value, {})
    except RecursionError:
        raise too_deep_to_compare() from None


def bounded(value: Any) -> Any:
    """The value; raises `TooLargeError` when its JSON text would be larger than `LARGEST_VALUE`."""
    if weight_of(value) > LARGEST_VALUE:
        raise too_large()
    return value


def grows_in_each(node: Node) -> bool:
    """Whether what is made of each element of a list may be much larger than the element."""
    return _of_each(node) > MOST_COPIES


def running_bound() -> Callable[[T], T]:
    """A function that returns what it gets. It raises `TooLargeError` once all that it got is
    larger than `LARGEST_VALUE`: to weigh a list of texts when they are made is too late."""
    left = LARGEST_VALUE

    def held(value: T) -> T:
        nonlocal left
        left -= weight_of(value)
        if left < 0:
            raise too_large()
        return value

    return held


def bounded_in_sum(evaluate: Evaluate) -> Evaluate:
    """The function of an element, for one list, with a running bound."""
    held = running_bound()
    return lambda element: held(evaluate(element))


def _most(found: _Copies) -> int:
    return max(
        [1, *(sum(found.get(path[:end], 0) for end in range(len(path) + 1)) for path in found)]
    )


def _copies(node: Node, around: _Around) -> _Copies:
    """`around` states how often the value of a variable, or `$`, counts where it stands; 1 where
    nothing is stated."""
    match node.kind:
        case "field":
            return {(node.value,): 1}
        case "literal":
            return {(): len(json.dumps(node.value)) // _BYTES_OF_AN_ELEMENT}
        case "root":
            return {(): around.get(ROOT_SIGN, 1)}
        case "variable":
            return {(): around.get(node.value, 1)}
        case "subexpression" | "index_expression" | "pipe":
            found: _Copies = {(): 1}
            for child in node.children:
                found = _applied(_copies(child, around), found)
            return found
        case "projection" | "value_projection" | "filter_projection":
            base, element, *_ = node.children
            return _for_each(_copies(base, around), _of_each(element))
        case "let_expression":
            *bindings, body = node.children  # what is bound is bounded, where it grows at all
            return _copies(body, {**around, **dict.fromkeys((each.value for each in bindings), 1)})
        case "ternary":
            return _sum(node.children[1:], around)
        case "function_expression":
            return _copies_of_function(node, around)
        case "comparator" | "not_expression" | "arithmetic" | "sign" | "expref":
            return {}
        case "current" | "identity" | "index" | "slice":
            return {(): 1}
        case _:
            return _sum(node.children, around)


def _of_each(node: Node) -> int:
    """How often a part of an element may stand in the node's value. What is read from around the
    element has no size that the element's gives."""
    return _most(_copies(node, dict.fromkeys(free_names(node), MOST_COPIES + 1)))


def _copies_of_function(node: Node, around: _Around) -> _Copies:
    if node.value in _SMALL:
        return {}
    found = _sum(node.children, around)
    match node.value, node.children:
        case "map", (Node("expref") as reference, _):
            return _for_each(found, _of_each(reference.children[0]))
        case "group_by" | "index_by", (_, Node("expref") as reference):
            return _for_each(found, 1 + _of_each(reference.children[0]))
        case "pad_left" | "pad_right", (_, width, *_):
            return {**found, (): found.get((), 0) + _copies_of_padding(width)}
        case "replace", (_, _, replacement, *_) if _length(replacement) is None:
            return _times(found, MOST_COPIES + 1)
        case "replace", (_, _, replacement, *_):
            return _times(found, 1 + (_length(replacement) or 0))
        case "join", (separator, _) if _length(separator) is None:
            return _times(found, MOST_COPIES + 1)
        case "join", (separator, _):
            return _times(found, 1 + (_length(separator) or 0) // _BYTES_OF_A_TEXT)
        case name, _:
            return _times(found, _GROWTH.get(str(name), 1))


def _copies_of_padding(width: Node) -> int:
    is_known = width.kind == "literal" and isinstance(width.value, int)
    return 1 + width.value // _BYTES_OF_AN_ELEMENT if is_known else MOST_COPIES + 1


def _length(text: Node) -> int | None:
    """The length of a text that is known."""
    is_known = text.kind == "literal" and isinstance(text.value, str)
    return len(text.value) if is_known else None


def _sum(nodes: tuple[Node, ...], around: _Around) -> _Copies:
    found: Counter[tuple[str, ...]] = Counter()
    for node in nodes:
        found.update(_copies(node, around))
    return found


def _applied(outer: _Copies, inner: _Copies) -> _Copies:
    """The copies in the value of an expression on another's value."""
    match list(inner.items()):
        case [(place, 1)]:
            return {(*place, *path): count for path, count in outer.items()}
        case _:
            return _times(inner, _most(outer))


def _for_each(found: _Copies, factor: int) -> _Copies:
    """The copies of what is made of each element; a list that is a literal has elements, too."""
    return _times(found if any(found.values()) else {(): 1}, factor)


def _times(found: _Copies, factor: int) -> _Copies:
    return {path: count * factor for path, count in found.items()}


def _weigh(value: Any, known: dict[int, int]) -> int:
    """The length of the value's JSON text, about; what stands in several places is weighed once."""
    match value:
        case str():
            return len(value) + 2
        case list():
            weight, parts = 2, value
        case dict():
            weight, parts = sum(map(len, value), 2 + 4 * len(value)), list(value.values())
        case _:
            return 8
    if id(value) not in known:
        for part in parts:
            weight += _weigh(part, known) + 1
        known[id(value)] = weight
    return known[id(value)]
