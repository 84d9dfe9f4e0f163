"""A composition's steps and joins, as declared."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.forms import (
    BareExpression,
    Call,
    Constant,
    EmbeddedExpression,
    FromList,
    Identifier,
    PositiveCount,
    RootName,
    Timeout,
)
from bff.declarations.models.paging import PaginateDecl
from bff.declarations.models.statuses import StatusMeanings
from bff.declarations.suggestions import known_names

Validation = Literal["full", "used"]  # of replies: all of them, or what is used of them
PartFailure = Literal["fail", "optional"]


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _on_failure(value: Any, info: ValidationInfo) -> Any:
    """`fail`, `optional`, `stale` or `{fallback: …}`, decided before pydantic looks at the
    mapping."""
    if value in ("fail", "optional", "stale"):
        return value
    if isinstance(value, dict):
        return FallbackDecl.model_validate(value, context=info.context)
    forms = ("fail", "optional", "stale", "{fallback: …}")
    written = value if isinstance(value, str) else ""
    raise refusal(Violation("this is no way to take a failure", known_names(written, forms)))


class FallbackDecl(Declaration):
    """What stands in for a step that failed."""

    fallback: Constant


class BatchDecl(Declaration):
    """One call per chunk of the list bound to the param `over`; `max` bounds the elements."""

    over: str
    size: PositiveCount
    max: PositiveCount
    select: BareExpression | None = None  # the list within a reply; None: the reply is the list
    on_failure: PartFailure = "fail"  # of one chunk

    def violations(self) -> Iterator[Violation]:
        if self.knows("max", "size") and self.max < self.size:
            yield Violation(
                f"max {self.max} is less than size {self.size}",
                "`max` counts the elements of all chunks.", ("max",),
            )  # fmt: skip


class ForEachDecl(Declaration):
    """One call per element of `over`, which stands under the name `as` in `with`.

    At most `concurrency` calls run at once: 8 by default.
    """

    over: EmbeddedExpression
    as_: RootName = Field(alias="as")
    concurrency: PositiveCount = 8
    max: PositiveCount
    on_failure: PartFailure = "fail"  # of one element


class StepDecl(Declaration):
    """One use of an operation. `statuses` maps an upstream's status to its meaning: None for
    null, "fail" for a failure even of an optional step."""

    call: Call
    with_: dict[str, Any] = Field(default={}, alias="with")
    after: Annotated[tuple[str, ...], FromList, BeforeValidator(_one_or_many)] = ()
    when: EmbeddedExpression | None = None
    batch: BatchDecl | None = None
    for_each: ForEachDecl | None = None
    paginate: PaginateDecl | None = None
    hidden: bool = False
    validate_: Validation | None = Field(default=None, alias="validate")  # the composition's
    statuses: StatusMeanings = Field(default={})
    on_failure: Annotated[
        Literal["fail", "optional", "stale"] | FallbackDecl, BeforeValidator(_on_failure)
    ] = "fail"
    timeout: Timeout | None = None  # seconds; the operation's when None
    cache: CacheDecl | None = None  # of its calls' replies; the operation's when None

    def violations(self) -> Iterator[Violation]:
        kinds = ("batch", "for_each", "paginate")
        first, *others = [kind for kind in kinds if getattr(self, kind) is not None] or [""]
        for other in others:
            what = f"a step has `{first}` or `{other}`, not both"
            yield Violation(what, "Keep one.", (other,), at_key=True)


def _missing(value: Any) -> Any:
    if value is None:
        return "null"
    if value == "drop":
        return value
    raise refusal(
        Violation(
            "where there is no match, the field is null or the object is dropped",
            "Write null without quotes, or drop.",
        )
    )


class JoinDecl(Declaration):
    """Puts what `from` has into the objects at `into`, under the name `as`: of a list, where the
    fields on the left of `match` equal those on its right; of an object, what is under the field
    `key`. `from` is one `${…}`, or an expression without that."""

    into: str
    as_: Identifier = Field(alias="as")
    from_: str = Field(alias="from")
    match: dict[str, str] = Field(default={}, min_length=1)
    key: str | None = None
    many: bool = False
    missing: Annotated[Literal["null", "drop"], BeforeValidator(_missing)] = "null"

    def violations(self) -> Iterator[Violation]:
        if not self.knows("match", "key"):
            return
        if not self.match and self.key is None:
            yield Violation(
                "a join without `match` or `key`",
                "Say which fields are equal: match: {user_id: id}; or, of an object keyed by id,"
                " the field that has the key: key: user_id.",
                at_key=True,
            )
        elif self.match and self.key is not None:
            yield Violation(
                "`match` and `key` are one too many",
                "`match` is for a list of objects, `key` for an object keyed by id.",
                ("key",), at_key=True,
            )  # fmt: skip
        elif self.many and self.key is not None:
            yield Violation(
                "`many` beside `key`: an object has one value under each key",
                "Leave `many` out; the value may be a list.", ("many",), at_key=True,
            )  # fmt: skip
        if self.many and self.missing == "null" and "missing" in self.model_fields_set:
            yield Violation(
                "`missing: null` beside `many`: without a match the list is empty",
                "Leave it out, or write drop.", ("missing",), at_key=True,
            )  # fmt: skip
