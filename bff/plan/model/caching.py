"""The compiled form of declared caching: for how long, shared by whom, under which tags.

Immutable, like everything in a plan; see `bff.plan.model.composition` for what holds these.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from bff.errors import TooManyTagsError
from bff.plan.model.expressions import Uses

Scope = Literal["public", "identity"]

# Tags of one entry, one run and one purge.
MOST_TAGS = 1000


class Everything(Enum):
    """Stands for all tags, where there are too many to name."""

    TAGGED = "everything that has tags"


EVERYTHING = Everything.TAGGED
PurgedTags = Collection[str] | Everything


def bounded_tags(tags: Collection[str]) -> PurgedTags:
    """The tags of one purge: everything, where there are more than `MOST_TAGS`."""
    return tags if len(tags) <= MOST_TAGS else EVERYTHING


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long a stored value is fresh, and how long after that it is served stale: while it is
    renewed in the background, and where the renewal fails. Both windows are counted from the end of
    `ttl_seconds`; a `ttl_seconds` of 0 stores a value for failures alone."""

    ttl_seconds: float
    stale_seconds: float
    stale_if_error_seconds: float


@dataclass(frozen=True, slots=True)
class Tags:
    """One declared tag, compiled: `product:${products[].id}` makes a tag for each element.

    `evaluate` returns the distinct tags; a null makes none. It raises `TooManyTagsError` beyond
    `MOST_TAGS`, and `EvaluationError` for a value that a tag can't hold. `roots`, `reads` and
    `uses` as in `Template`.
    """

    evaluate: Callable[[Mapping[str, Any]], tuple[str, ...]]
    roots: frozenset[str]
    reads: frozenset[tuple[str, ...]]
    source: str
    uses: Uses


def evaluate_tags(tags: Iterable[Tags], root: Mapping[str, Any]) -> frozenset[str]:
    """The tags of one entry. Raises as `Tags.evaluate`."""
    found = frozenset(tag for each in tags for tag in each.evaluate(root))
    if len(found) > MOST_TAGS:
        raise TooManyTagsError(f"more than {MOST_TAGS} tags")
    return found


@dataclass(frozen=True, slots=True)
class ReplyCaching:
    """How replies to one operation are shared between steps, compositions and callers.

    The root of `tags` holds `params`, the operation's own as they were sent, and `reply`, the
    reply's JSON form; `needs_json` states that some tag reads it. `scope` is as declared: with
    "identity" replies are not shared between callers, whatever the request holds.
    """

    policy: CachePolicy
    tags: tuple[Tags, ...]
    needs_json: bool
    scope: Scope = "public"
