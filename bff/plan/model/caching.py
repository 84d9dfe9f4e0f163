"""The compiled form of what is said about caching: for how long, shared by whom, under which tags.

Immutable, like everything in a plan; see `bff.plan.model.composition` for what holds these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bff.plan.model.uses import Uses

Scope = Literal["public", "identity"]


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """For how long something is fresh, and then: served while it is made anew in the background,
    or served where that fails. Both windows are counted from the end of `ttl_seconds`; 0 there
    keeps a thing for failures alone."""

    ttl_seconds: float
    stale_seconds: float
    stale_if_error_seconds: float


@dataclass(frozen=True, slots=True)
class Tags:
    """One declared tag, compiled: `product:${products[].id}` gives a tag for each element.

    `evaluate` gives what is named, nulls left out; it may raise `EvaluationError`. `roots`,
    `reads` and `uses` as in `Template`.
    """

    evaluate: Callable[[Mapping[str, Any]], tuple[str, ...]]
    roots: frozenset[str]
    reads: frozenset[tuple[str, ...]]
    source: str
    uses: Uses


@dataclass(frozen=True, slots=True)
class ReplyCaching:
    """How replies to one operation are shared between steps, compositions and callers.

    The root of `tags` holds `params`, the operation's own as they were sent, and `reply`, the
    reply's JSON form; `needs_json` tells that some tag reads it. `scope` is as declared: with
    "identity" replies are not shared between callers, whatever the request holds.
    """

    policy: CachePolicy
    tags: tuple[Tags, ...]
    needs_json: bool
    scope: Scope = "public"
