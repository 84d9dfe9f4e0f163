"""The compiled form of expressions: templates, and what they use of the objects that they read.

A *place* is a path of names from the root, with every list on it walked through: `orders.id` is
each order's id. Uses are worked out by `bff.plan.expressions.types.uses`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bff.plan.types.kinds import Type

Places = frozenset[tuple[str, ...]]

HEADERS = "headers"  # the root's name for the headers of steps' replies

ROOT: Places = frozenset(((),))
NOWHERE: Places = frozenset()


@dataclass(frozen=True, slots=True)
class Uses:
    """What is used: `whole`, with everything below; `seen`, whether it is there and not empty, and
    the lists and scalars that it is. `value` is where the value lies that is passed on, as far as
    it was not made: of use to those who look into it."""

    value: Places = NOWHERE
    whole: Places = NOWHERE
    seen: Places = NOWHERE

    def consumed(self) -> "Uses":
        """The value with all that is in it is used too."""
        return Uses(NOWHERE, self.whole | self.value, self.seen)

    def tested(self) -> "Uses":
        """Of the value no more is used than whether it is true, or what list it is."""
        return Uses(NOWHERE, self.whole, self.seen | self.value)

    def below(self, place: tuple[str, ...]) -> "Uses":
        """What is used of what lies at `place`, with paths from there."""
        depth = len(place)
        is_whole = any(path == place[: len(path)] for path in self.whole)
        return Uses(
            NOWHERE,
            frozenset(path[depth:] for path in self.whole if path[:depth] == place)
            | (ROOT if is_whole else NOWHERE),
            frozenset(path[depth:] for path in self.seen if path[:depth] == place),
        )

    def at(self, places: Places) -> "Uses":
        """The same of whatever lies at `places`, with paths that begin with those."""
        return Uses(
            frozenset((*place, *path) for place in places for path in self.value),
            frozenset((*place, *path) for place in places for path in self.whole),
            frozenset((*place, *path) for place in places for path in self.seen),
        )


NO_USES = Uses()


def union_of(uses: Iterable[Uses]) -> Uses:
    """All that any of them uses."""
    value, whole, seen = NOWHERE, NOWHERE, NOWHERE
    for each in uses:
        value, whole, seen = value | each.value, whole | each.whole, seen | each.seen
    return Uses(value, whole, seen)


@dataclass(frozen=True, slots=True)
class Part:
    """What is used of a value: all of it, or these fields of the objects that it is or holds."""

    is_whole: bool = False
    fields: Mapping[str, "Part"] = field(default_factory=dict)


def part_of(uses: Uses) -> Part:
    """The same as a tree from the root; the value is left to whoever consumes it."""
    return _part(uses.whole, uses.whole | uses.seen)


def _part(whole: Places, used: Places) -> Part:
    if () in whole:
        return Part(is_whole=True)
    names = sorted({path[0] for path in used if path})
    return Part(fields={name: _part(_under(whole, name), _under(used, name)) for name in names})


def _under(places: Places, name: str) -> Places:
    return frozenset(path[1:] for path in places if path[:1] == (name,))


@dataclass(frozen=True, slots=True)
class Reference:
    """What a template is that names one place and nothing else: `${params.nickname}`.

    A field that is not there is absent: what it is bound to is left out. Any other expression sees
    null for it. `present` is the type of the values that are there.
    """

    path: tuple[str, ...]
    present: Type
    may_be_absent: bool

    def is_absent(self, root: "Root") -> bool:
        """Whether the place is not there: an object on the path lacks its field."""
        value: Any = root.get(self.path[0])
        for name in self.path[1:]:
            if not isinstance(value, Mapping):
                return False
            if name not in value:
                return True
            value = value[name]
        return False


Root = Mapping[str, Any]  # what expressions see: `params`, `claims`, `degraded`, each step's JSON


@dataclass(frozen=True, slots=True)
class Template:
    """A declared value with `${…}` anywhere in it, compiled.

    `evaluate` may raise `EvaluationError`. `roots` are the root names that it reads, and
    `reads` the static paths from the root, as deep as they are known: `("params", "user_id")`.
    `uses` goes on through lists, where `reads` stop. A template without expressions is constant:
    `roots` is empty.
    """

    evaluate: Callable[[Root], Any]
    type: Type
    roots: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, ...]] = frozenset()
    source: str = ""  # as declared, for `bff plan`
    uses: Uses = NO_USES
    reference: Reference | None = None

    def is_absent(self, root: Root) -> bool:
        """Whether it refers to a place that is not there."""
        return self.reference is not None and self.reference.is_absent(root)
