"""Writing a payload: a shape's segments to bytes, from the steps' JSON forms and texts. Pure.

What goes out whole is spliced from the serializer's own bytes; only what is reshaped is
serialised here.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bff.engine.payload.joins import Bounds, apply_joins
from bff.engine.payload.texts import write_json
from bff.engine.values.results import Degradation
from bff.errors import EvaluationError, TooLargeError
from bff.plan.model.caching import evaluate_tags
from bff.plan.model.composition import Composition, Root, Shape, ShapeView, Splice, Text

_NO_TAGS: frozenset[str] = frozenset()


class Merged(NamedTuple):
    """The payload, the views that have a form of their own, what joins found twice, the tags (None
    where there are none that could be purged, and `untagged` is why), and what expressions see when
    the joins are applied."""

    body: bytes
    views: Mapping[str, bytes]
    ambiguous_matches: int
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
    by index, None for null. Raises `EvaluationError` when a join's source or the response meets a
    value that it can't take, a number that is not finite among them, and `TooLargeError` when the
    payload, a view or what the joins repeat is beyond the bounds.
    """
    joined, ambiguous = root, 0
    if composition.joins:
        joined, ambiguous = apply_joins(composition.joins, root, bounds)
    told = [{"step": each.step, "reason": each.reason} for each in degraded]
    whole = {**joined, "degraded": told}
    body = write_shape(composition.payload, whole, texts, bounds.payload_bytes)
    views = {}
    for view in composition.views.values():
        if isinstance(view, ShapeView):
            views[view.name] = write_shape(view.shape, whole, texts, bounds.payload_bytes)
    tags, untagged = _tags(composition, joined) if composition.tags else (_NO_TAGS, "")
    return Merged(body, views, ambiguous, tags, untagged, joined)


def write_shape(shape: Shape, root: Root, texts: Sequence[bytes | None], most_bytes: int) -> bytes:
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
        if size > most_bytes:
            raise TooLargeError(f"the payload has more than {most_bytes} bytes")
        parts.append(part)
    return b"".join(parts)


def _tags(composition: Composition, root: Root) -> tuple[frozenset[str] | None, str]:
    try:
        return evaluate_tags(composition.tags, root), ""
    except EvaluationError as error:
        return None, str(error)
