"""The compiled form of a step: what it calls and sends, when, how often, and what a failure means.

Immutable, like everything in a plan; see `bff.plan.model.composition` for what holds steps.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from bff.plan.model.caching import ReplyCaching, Scope
from bff.plan.model.expressions import Template
from bff.plan.model.service import ErrorBody, Operation, OperationParam, ReplyHeader
from bff.plan.types.kinds import ObjectOf, Type


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
    is_optional: bool = False  # what a failed call would add is missing, and the step degraded


@dataclass(frozen=True, slots=True)
class ForEach:
    """One call per element; the element stands under `as_name` in the root of the bindings."""

    over: Template
    as_name: str
    concurrency: int
    max: int
    is_optional: bool = False  # a failed element is null, and the step degraded


@dataclass(frozen=True, slots=True)
class ByCursor:
    """Each reply has the cursor of the next page: `next`, evaluated on a root with `reply`. One
    that is null, false or empty ends the list."""

    param: OperationParam
    next: Template


@dataclass(frozen=True, slots=True)
class ByPage:
    """Pages have numbers, from `first` on. An empty page ends the list."""

    param: OperationParam
    first: int


@dataclass(frozen=True, slots=True)
class ByOffset:
    """A page begins at the offset of its first item. One of fewer items than `size` ends the
    list."""

    param: OperationParam
    size: int


@dataclass(frozen=True, slots=True)
class ByLink:
    """Each reply has a link to the next page: in its header `Link`, by `rel=next` (RFC 8288), or
    where `next` finds it, evaluated as of `ByCursor`. A link repeats the query of its request:
    `added` are the params of all requests to the service, which are added to the next one too."""

    next: Template | None
    added: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pages:
    """One call per page; the step's value is the list of all items.

    `items` is evaluated on a root with `reply`; None means that the reply is the list. At most
    `max_pages` pages with `max_items` items in all are taken: with more the step fails, or, where
    it `truncates`, has as many and is degraded.
    """

    by: ByCursor | ByPage | ByOffset | ByLink
    items: Template | None
    max_pages: int
    max_items: int
    truncates: bool

    @property
    def most_calls(self) -> int:
        """The largest number of calls: only an empty page shows that a full one was the last."""
        return self.max_pages + isinstance(self.by, ByPage | ByOffset)


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """A status of the upstream's ends the composition with this `status`, and with `members` in its
    problem document. The root of a member has `error`, the upstream's `body` as its schema has it,
    beside what the step's own expressions see; `body` is None where no member reads it. `type` is
    that of the members: each may be null that is not constant."""

    status: int
    members: Mapping[str, Template]
    body: ErrorBody | None
    type: ObjectOf


StatusMeaning = Literal["null", "fail"] | ErrorReply


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

    `sent_as` is the param that its value is sent as, if it is sent. `is_tested` states that nothing
    counts of the value but its truth and its elements; else all that is in it counts.
    """

    label: str
    template: Template
    sent_as: OperationParam | None = None
    is_tested: bool = False


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
    pages: Pages | None
    on_failure: OnFailure
    statuses: Mapping[int, StatusMeaning]
    waits_for: tuple[int, ...]  # indexes of steps: referred to, or named in `after`
    input_steps: tuple[int, ...]  # of those, the ones whose values it reads
    hidden: bool
    timeout_seconds: float
    cache: ReplyCaching | None  # None: every call goes out
    scope: Scope  # "identity": the caller's identity reaches the step by some path
    type: Type  # as expressions and the payload see it, nulls for failure and skips included
    needs_json: bool  # some expression, join or view reads its JSON form
    needs_bytes: bool  # it goes out whole, spliced from the serializer's bytes
    # The operation params by which the caller's own credential is sent.
    credentials: frozenset[str] = frozenset()
    reply_headers: tuple[ReplyHeader, ...] = ()  # of its one reply

    def expressions(self) -> tuple[StepExpression, ...]:
        """Everything that the step evaluates on the root of values that are there as it calls.

        The cache key, the scope, the order of steps, and the used fields of replies come from this
        list alone: an expression that is not in it would be missed by all of them.
        """
        found = [
            StepExpression(f"with.{each.param.name}", each.template, each.param)
            for each in self.bindings
            if each.template is not None
        ]
        if self.when is not None:
            found.append(StepExpression("when", self.when, is_tested=True))
        if self.for_each is not None:
            found.append(StepExpression("for_each.over", self.for_each.over, is_tested=True))
        found += [
            StepExpression(f"statuses.{status}.with.{name}", template)
            for status, meaning in self.statuses.items()
            if isinstance(meaning, ErrorReply)
            for name, template in meaning.members.items()
        ]
        if self.operation.disclosure is not None:
            found += [
                StepExpression(f"caller_headers.{each.name}", each.template)
                for each in self.operation.disclosure.headers
            ]
        return tuple(found)

    @property
    def is_plain(self) -> bool:
        """Whether its value is the value of its only call."""
        return self.batch is None and self.for_each is None and self.pages is None

    @property
    def has_optional_parts(self) -> bool:
        """Whether the failure of one call is none of the step's."""
        each = self.for_each or self.batch
        return each is not None and each.is_optional

    @property
    def most_calls(self) -> int:
        """The largest number of upstream calls that one run of the step can make."""
        if self.pages is not None:
            return self.pages.most_calls
        if self.batch is not None:
            return ceil(self.batch.max / self.batch.size)
        return self.for_each.max if self.for_each is not None else 1

    @property
    def most_rounds(self) -> int:
        """The largest number of calls that one run of the step can make one after the other."""
        if self.for_each is not None:
            return ceil(self.for_each.max / self.for_each.concurrency)
        return self.pages.most_calls if self.pages is not None else 1

    def reads_steps(self, names: Collection[str]) -> frozenset[str]:
        """The names, out of those of steps, whose values the step's expressions read."""
        roots = frozenset().union(*(each.template.roots for each in self.expressions()))
        element = set() if self.for_each is None else {self.for_each.as_name}
        return (roots - element) & frozenset(names)
