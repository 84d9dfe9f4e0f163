"""Joins: objects put into other objects by matching fields, after all steps and in declared order.

Nothing is changed in place: every object and list on the way to a target is copied, everything
else is shared. So a fallback that is shared between requests stays as declared, other joins'
sources stay unjoined, and an object that one join put into several places can be walked into by
the next one, as often as it stands there. Pure.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from bff.engine.payload.equality import strict_key
from bff.errors import EvaluationError
from bff.plan.model.composition import Join, Root

_KeyOf = Callable[[dict[str, Any]], Hashable]


def apply_joins(joins: Sequence[Join], root: Root) -> tuple[Root, int]:
    """The root with every join applied, and how many source elements repeated another's key.

    Sources are evaluated on `root` as it is given, unjoined. Raises `EvaluationError` when a
    source can't be evaluated or is no list.
    """
    joined: dict[str, Any] = dict(root)
    repeated = 0
    for join in joins:
        index, again = _index(join, join.source.evaluate(root))
        repeated += again
        key_of = _key_of([mine for mine, _ in join.match])
        joined[join.into_step] = _put(
            joined[join.into_step], join.into, join.as_name, key_of, index
        )
    return joined, repeated


def _index(join: Join, source: Any) -> tuple[Mapping[Hashable, Any], int]:
    """The source's objects by their keys; the first of equal ones stays. Null is empty."""
    if source is None:
        return {}, 0
    if not isinstance(source, list):
        raise EvaluationError(f"the source of the join '{join.as_name}' is no list")
    key_of = _key_of([theirs for _, theirs in join.match])
    index: dict[Hashable, Any] = {}
    repeated = 0
    for element in source:
        if not isinstance(element, dict):
            continue
        key = key_of(element)
        if key is None:
            continue
        if key in index:
            repeated += 1
        else:
            index[key] = element
    return index, repeated


def _key_of(fields: Sequence[str]) -> _KeyOf:
    """Reads an object's key; None when a field is missing or null, which matches nothing."""
    if len(fields) == 1:
        field = fields[0]
        return lambda element: strict_key(element.get(field))

    def key_of_several(element: dict[str, Any]) -> Hashable:
        values = [element.get(field) for field in fields]
        return None if None in values else tuple(map(strict_key, values))

    return key_of_several


def _put(
    target: Any,
    path: tuple[str, ...],
    name: str,
    key_of: _KeyOf,
    index: Mapping[Hashable, Any],
) -> Any:
    """A copy of `target` with the match, or null, in each object at `path`."""
    match target:
        case list():
            return [_put(each, path, name, key_of, index) for each in target]
        case dict() if not path:
            return {**target, name: index.get(key_of(target))}
        case dict() if path[0] in target:
            below = _put(target[path[0]], path[1:], name, key_of, index)
            return {**target, path[0]: below}
        case _:
            return target
