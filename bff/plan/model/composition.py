"""The compiled, immutable form of a project: what the engine runs and never changes.

Everything that can be known before a request stands here: types, closures, bytes, graphs and
digests. Nothing here knows a file's position, a socket or a clock. Built by `compile_project`
(`bff.plan.compiler.project`); read by the engine, the cache, the web hosts and the CLI.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bff.plan.model.caching import CachePolicy, ReplyCaching, Scope, Tags
from bff.plan.model.fields import MaskNode, SelectableFields
from bff.plan.model.service import CompositionParam, Operation, OperationParam, Service
from bff.plan.model.uses import NO_USES, Uses
from bff.plan.types.kinds import Type

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


# ---------------------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class Binding:
    """What a step sends as one operation param; `None` for `template` means the default.

    `skips_when` are the values of the template, of those that it is known to give, without which
    the call is not made.
    """

    param: OperationParam
    template: Template | None
    skips_when: frozenset[Literal["null", "empty"]] = frozenset()


@dataclass(frozen=True, slots=True)
class Batch:
    """One call per chunk of distinct elements of the list bound to the param `over`.

    `select` reads the list from a chunk's JSON value, which is what it is evaluated on; None
    means that the value is the list.
    """

    over: str  # the operation param's name
    size: int
    max: int  # elements in all; more fail the step before any call
    select: Template | None
    select_source: str | None


@dataclass(frozen=True, slots=True)
class ForEach:
    """One call per element; the element stands under `as_name` in the root of the bindings."""

    over: Template
    as_name: str
    concurrency: int
    max: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The step is required: its failure is the composition's."""


@dataclass(frozen=True, slots=True)
class Optional:
    """A failed step is null, and the payload degraded."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """A failed step is this value (JSON form, checked against the schema), and degraded."""

    value: Any
    validated: Any  # the same value as the schema's own object, for splicing


@dataclass(frozen=True, slots=True)
class Stale:
    """A failed step has its own last good value, and is degraded; without one it fails as `Fail`
    does. The step's `cache` states for how long a value is good enough."""


OnFailure = Fail | Optional | Fallback | Stale


@dataclass(frozen=True, slots=True)
class StepExpression:
    """An expression that a step evaluates. `label` is its place in the declared step: "with.id".

    `sent_as` is the param that its value is sent as; None where the value decides whether, or how
    often, the step calls.
    """

    label: str
    template: Template
    sent_as: OperationParam | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A composition's use of an operation. Where `reads_part`, the operation's schema is narrowed
    to the fields that the composition uses, and its digest differs from that of the whole."""

    name: str
    index: int  # its place in declared order
    operation: Operation
    reads_part: bool
    bindings: tuple[Binding, ...]
    when: Template | None
    batch: Batch | None
    for_each: ForEach | None
    on_failure: OnFailure
    statuses: Mapping[int, Literal["null", "fail"]]
    waits_for: tuple[int, ...]  # indexes of steps: referred to, or named in `after`
    input_steps: tuple[int, ...]  # of those, the ones whose values it reads
    hidden: bool
    timeout_seconds: float
    cache: ReplyCaching | None  # None: every call goes out
    scope: Scope  # "identity": the caller's identity reaches the step by some path
    type: Type  # as expressions and the payload see it, nulls for failure and skips included
    needs_json: bool  # some expression, join or view reads its JSON form
    needs_bytes: bool  # it goes out whole, spliced from the serializer's bytes

    def expressions(self) -> tuple[StepExpression, ...]:
        """Everything that the step evaluates on the root of values before it calls.

        The cache key, the scope, the order of steps, and the used fields of replies come from this
        list alone: an expression that is not in it would be missed by all of them.
        """
        found = [
            StepExpression(f"with.{each.param.name}", each.template, each.param)
            for each in self.bindings
            if each.template is not None
        ]
        if self.when is not None:
            found.append(StepExpression("when", self.when))
        if self.for_each is not None:
            found.append(StepExpression("for_each.over", self.for_each.over))
        return tuple(found)

    def reads_steps(self, names: Collection[str]) -> frozenset[str]:
        """The names, out of those of steps, whose values the step's expressions read."""
        roots = frozenset().union(*(each.template.roots for each in self.expressions()))
        element = set() if self.for_each is None else {self.for_each.as_name}
        return (roots - element) & frozenset(names)


# ---------------------------------------------------------------------------- after the steps


@dataclass(frozen=True, slots=True)
class Join:
    """Puts into each object at `into` (a path of names, lists walked through) the object from the
    list `source` whose fields match. `match` pairs (field there, field in the source)."""

    into_step: str
    into: tuple[str, ...]
    as_name: str
    source: Template
    match: tuple[tuple[str, str], ...]


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


# ---------------------------------------------------------------------------- endpoints


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call an endpoint. `kind` is None where no file states it."""

    kind: Literal["public"] | None


@dataclass(frozen=True, slots=True)
class Composition:
    """One compiled endpoint.

    `path` alternates literal segments' text and the names of path params, a segment each:
    `("screens", "home", CompositionParam(user_id))`. `key_reads` are the inputs that can reach
    the payload, or its tags, by any path: `("params", "user_id")`, `("claims", "sub")`;
    `("params",)` or `("claims",)` alone mean all of them.
    """

    name: str
    file: str
    method: str
    path: tuple[str | CompositionParam, ...]
    path_text: str  # "/screens/home/{user_id}"
    summary: str
    access: Access
    params: tuple[CompositionParam, ...]
    deadline_seconds: float
    steps: tuple[Step, ...]
    joins: tuple[Join, ...]
    payload: Shape
    views: Mapping[str, View]
    cache: CachePolicy | None  # None: not cached; never set for a composition that writes
    scope: Scope  # who may share a payload, by the paths of the plan
    is_public: bool  # declared `scope: public`: browsers and proxies may share a payload too
    tags: tuple[Tags, ...]  # of a cached payload
    purges: tuple[Tags, ...]  # of a composition that writes
    fields: SelectableFields | None  # what `?fields=` may name; None: it has no meaning
    key_reads: frozenset[tuple[str, ...]]
    digest: str  # of everything that shapes the payload, schemas included
    namespace: str  # part of every cache key; two projects share cached data only within one
    writes: bool


# ---------------------------------------------------------------------------- the project


@dataclass(frozen=True, slots=True)
class Route:
    """A raw pass-through: everything below `prefix` goes to `service`."""

    prefix: str  # "/raw/orders", no trailing slash; "" for everything
    service: str
    strip: bool  # the prefix is taken off before forwarding
    purges: tuple[str, ...]  # tags that are purged when a write has gone through
    access: Access


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins whose pages may read replies; exact origins only."""

    origins: frozenset[str]


@dataclass(frozen=True, slots=True)
class CompiledProject:
    """A whole project, compiled. One reference is swapped on reload; each request pins one."""

    name: str
    services: Mapping[str, Service]
    compositions: tuple[Composition, ...]  # sorted by name
    routes: tuple[Route, ...]
    cors: Cors
    digest: str
    namespace: str  # separates cached data, tags and purges from those of other projects
