"""Writing a payload: the segments of its shape to bytes, and the fields that a mask names. Pure.

A step that goes out whole is spliced from the serializer's bytes; only values of expressions are
serialised here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bff.engine.payload.joins import Bounds, apply_joins
from bff.engine.payload.texts import write_json
from bff.engine.values.limits import Budget
from bff.engine.values.results import Degradation
from bff.errors import EvaluationError
from bff.plan.model.caching import evaluate_tags
from bff.plan.model.composition import Composition
from bff.plan.model.expressions import Root
from bff.plan.model.payload import PLAIN, Head, MaskNode, Shape, ShapeView, Splice, Text

_NO_TAGS: frozenset[str] = frozenset()
_NOTHING_AMBIGUOUS: Mapping[str, int] = {}


class Merged(NamedTuple):
    """The head of its reply; the payload, empty where the head has no body; the views with a form
    of their own; the joins whose sources repeat keys; the tags, or None and in `untagged` the
    reason why it can't be purged; and the root with the joins applied."""

    head: Head
    body: bytes
    views: Mapping[str, bytes]
    ambiguous_matches: Mapping[str, int]
    tags: frozenset[str] | None
    untagged: str
    root: Root


def merge(
    composition: Composition,
    root: Root,
    texts: Sequence[bytes | None],
    degraded: Sequence[Degradation],
    bounds: Bounds,
) -> Merged:
    """Apply the joins and write the payload and its views.

    `root` holds `params` and every step's unjoined JSON form; `texts` each step's serialised text
    by index, None for null. Raises `EvaluationError` when a join's source, the head or the response
    meets a value that it can't take, a number that is not finite among them, and `TooLargeError`
    when the payload and all views, or what the joins repeat, are beyond the bounds.
    """
    joined, ambiguous = root, _NOTHING_AMBIGUOUS
    if composition.joins:
        joined, ambiguous = apply_joins(composition.joins, root, bounds)
    failures = [{"step": each.step, "reason": each.reason} for each in degraded]
    whole = {**joined, "degraded": failures}
    budget = Budget(bounds.payload_bytes, "the payload and its views")
    head, has_body = PLAIN, True
    if composition.head is not None:
        head = composition.head.evaluate(whole)
        has_body = head.has_body
    body, views = b"", {}
    if has_body:
        body = write_shape(composition.payload, whole, texts, budget)
    for view in composition.views.values() if has_body else ():
        if isinstance(view, ShapeView):
            views[view.name] = write_shape(view.shape, whole, texts, budget)
    tags, untagged = _tags(composition, joined) if composition.tags else (_NO_TAGS, "")
    return Merged(head, body, views, ambiguous, tags, untagged, joined)


def write_shape(shape: Shape, root: Root, texts: Sequence[bytes | None], budget: Budget) -> bytes:
    """The body that a shape describes. Raises `EvaluationError`, and `TooLargeError`."""
    parts: list[bytes] = []
    size = 0
    for segment in shape.segments:
        if isinstance(segment, Text):  # `match` takes three times as long
            part = segment.text
        elif isinstance(segment, Splice):
            part = texts[segment.step] or b"null"
        else:
            part = write_json(segment.template.evaluate(root))
        size += len(part)
        if size > budget.left:
            break
        parts.append(part)
    budget.spend(size)
    return b"".join(parts)


def _tags(composition: Composition, root: Root) -> tuple[frozenset[str] | None, str]:
    try:
        return evaluate_tags(composition.tags, root), ""
    except EvaluationError as error:
        return None, str(error)


def apply_mask(mask: MaskNode, value: Any) -> Any:
    """The part of a JSON value that `mask` names; the value itself stays as it is.

    Lists are walked through, at any depth. An empty mask means everything below it, and scalars and
    null stay whole. Fields that the value lacks are left out.

        {"user": {"name": {}}}  of  {"user": {"name": "Ada", "id": 1}}  →  {"user": {"name": "Ada"}}
    """
    fields = mask.fields
    if not fields:
        return value
    match value:
        case dict():
            return {
                name: apply_mask(below, value[name])
                for name, below in fields.items()
                if name in value
            }
        case list():
            return [apply_mask(mask, each) for each in value]
        case _:
            return value
