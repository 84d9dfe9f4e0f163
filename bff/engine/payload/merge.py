"""Writing a payload: a shape's segments to bytes, from the steps' JSON forms and texts. Pure.

What goes out whole is spliced from the serializer's own bytes; only what is reshaped is
serialised here.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from pydantic_core import to_json

from bff.engine.payload.joins import apply_joins
from bff.engine.values.results import Degradation
from bff.errors import EvaluationError
from bff.plan.model.composition import Composition, Root, Shape, ShapeView, Splice, Text

_NO_TAGS: frozenset[str] = frozenset()


class Merged(NamedTuple):
    """The payload, the views that have a form of their own, what joins found twice, the tags (None
    where they can't be told), and what expressions see when the joins are applied."""

    body: bytes
    views: Mapping[str, bytes]
    ambiguous_matches: int
    tags: frozenset[str] | None
    root: Root


def merge(
    composition: Composition,
    root: Root,
    texts: Sequence[bytes | None],
    degraded: Sequence[Degradation],
) -> Merged:
    """Apply the joins and write the payload and its views.

    `root` holds `params` and every step's unjoined JSON form; `texts` each step's serialised text
    by index, None for null. Raises `EvaluationError` when a join's source or the response meets a
    value that it can't take, a number that is not finite among them.
    """
    joined, ambiguous = apply_joins(composition.joins, root) if composition.joins else (root, 0)
    told = [{"step": each.step, "reason": each.reason} for each in degraded]
    whole = {**joined, "degraded": told}
    body = write_shape(composition.payload, whole, texts)
    views = {}
    for view in composition.views.values():
        if isinstance(view, ShapeView):
            views[view.name] = write_shape(view.shape, whole, texts)
    tags = _tags(composition, joined) if composition.tags else _NO_TAGS
    return Merged(body, views, ambiguous, tags, joined)


def write_shape(shape: Shape, root: Root, texts: Sequence[bytes | None]) -> bytes:
    """The body that a shape describes. Raises `EvaluationError`."""
    parts: list[bytes] = []
    for segment in shape.segments:
        if isinstance(segment, Text):  # `match` takes three times as long
            parts.append(segment.text)
        elif isinstance(segment, Splice):
            parts.append(texts[segment.step] or b"null")
        else:
            parts.append(write_json(segment.template.evaluate(root)))
    return b"".join(parts)


def _tags(composition: Composition, root: Root) -> frozenset[str] | None:
    try:
        return frozenset(tag for each in composition.tags for tag in each.evaluate(root))
    except EvaluationError:
        return None


def write_json(value: Any) -> bytes:
    """A JSON value as UTF-8 text. Raises `EvaluationError` for what JSON can't say."""
    try:
        text = to_json(value, inf_nan_mode="constants")
    except ValueError as error:  # a lone surrogate, an unknown type: nothing a schema lets through
        raise EvaluationError("a value has no JSON form") from error
    # Expressions can overflow (`sum`). To look for the constants costs 0.1 µs a KB; to walk the
    # value first would cost more than serialising it.
    if (b"NaN" in text or b"Infinity" in text) and not _is_finite(value):
        raise EvaluationError("a number is not finite")
    return text


def _is_finite(value: Any) -> bool:
    match value:
        case float():
            return isfinite(value)
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case _:
            return True
