"""The compiled form of a payload: what is joined into it, how it is written, and how it is cut.

Immutable, like everything in a plan; see `bff.plan.model.composition` for what holds these.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bff.plan.model.expressions import Root, Template
from bff.plan.types.kinds import Type

LONGEST_PATH = 20  # names in one path: a mask is never deeper


@dataclass(frozen=True, slots=True)
class ByFields:
    """The source is a list: of its objects, the first whose fields match, or with `many` the list
    of all that do. `match` pairs (field there, field in the source)."""

    match: tuple[tuple[str, str], ...]
    many: bool = False


@dataclass(frozen=True, slots=True)
class ByKey:
    """The source is an object: what it has under the text of the field `key` there."""

    key: str


@dataclass(frozen=True, slots=True)
class Join:
    """Puts into each object at `into` (a path of names, lists walked through), under `as_name`,
    what is found for it in `source`. Where nothing is, `drops` takes the object from its list."""

    into_step: str
    into: tuple[str, ...]
    as_name: str
    source: Template
    by: ByFields | ByKey
    drops: bool = False

    @property
    def read_there(self) -> tuple[str, ...]:
        """The fields of the objects at `into` that decide what is found."""
        return (self.by.key,) if isinstance(self.by, ByKey) else tuple(x for x, _ in self.by.match)


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes of JSON text that are the same in every payload."""

    text: bytes


@dataclass(frozen=True, slots=True)
class Splice:
    """A step that goes out whole, as its serializer's bytes."""

    step: int


@dataclass(frozen=True, slots=True)
class Computed:
    """A template whose value is serialised."""

    template: Template


Segment = Text | Splice | Computed


@dataclass(frozen=True, slots=True)
class Shape:
    """How a body is written: its segments' texts, one after the other."""

    segments: tuple[Segment, ...]
    type: Type
    roots: frozenset[str]
    reads: frozenset[tuple[str, ...]]


class Head(NamedTuple):
    """The status of a payload's reply, and the headers that its composition declares: names in
    lower case, values that may go on the wire."""

    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def has_body(self) -> bool:
        """Whether the payload goes out with it (RFC 9110 §15.3.5)."""
        return self.status != 204


PLAIN = Head()


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """The declared status and headers. `evaluate` gives the head for one root, and raises
    `EvaluationError` for a value that may not go out. `headers` are by the declared names; `roots`
    and `reads` as in `Template`."""

    evaluate: Callable[[Root], Head]
    status: Template
    headers: Mapping[str, Template]
    roots: frozenset[str]
    reads: frozenset[tuple[str, ...]]

    @property
    def templates(self) -> tuple[Template, ...]:
        """All that it reads."""
        return self.status, *self.headers.values()


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


@dataclass(frozen=True, slots=True)
class MaskView:
    """A trimming of the composition's own payload."""

    name: str
    mask: MaskNode
    type: Type


@dataclass(frozen=True, slots=True)
class ShapeView:
    """A view with a form of its own, written beside the payload from the same steps."""

    name: str
    shape: Shape

    @property
    def type(self) -> Type:
        return self.shape.type


View = MaskView | ShapeView
