"""Which fields of a payload go out: masks, and the fields that a client may name in `?fields=`.

Immutable, like everything in a plan; see `bff.plan.model.composition` for what holds these.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LONGEST_PATH = 20  # names in one path: a mask is never deeper


@dataclass(frozen=True, slots=True)
class MaskNode:
    """A mask as a tree of the fields that stay. An empty tree leaves everything below."""

    fields: Mapping[str, "MaskNode"] = field(default_factory=dict)


def mask_of(paths: Iterable[tuple[str, ...]]) -> MaskNode:
    """The mask that leaves each path with everything below it. A path has a name at least."""
    below: dict[str, list[tuple[str, ...]]] = {}
    for name, *rest in paths:
        below.setdefault(name, []).append(tuple(rest))
    return MaskNode(
        {name: MaskNode() if () in each else mask_of(each) for name, each in below.items()}
    )


@dataclass(frozen=True, slots=True)
class FieldPlace:
    """The objects at one place of a payload, which may lie in lists. `fields` leads from each
    name that is declared to the place below it; `others` is the place below every other name, None
    where there is none."""

    fields: Mapping[str, int]
    others: int | None


@dataclass(frozen=True, slots=True)
class SelectableFields:
    """What a client may name: at most `most` paths at once, through `places`. The first place is
    the payload's own; a recursive type leads back to an earlier one."""

    most: int
    places: tuple[FieldPlace, ...]
