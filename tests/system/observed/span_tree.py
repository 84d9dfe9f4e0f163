"""The spans of one trace as a tree: each with its time as a bar, and what there is to say of it."""

from collections.abc import Iterator, Sequence
from typing import Final

from bff.cli.calling.waterfall import draw_track
from tests.support.telemetry.collector import ReceivedSpan

_SHOWN: Final = (
    "bff.service",
    "http.response.status_code",
    "error.type",
    "bff.outcome",
    "bff.cache.state",
)
_TRACK_WIDTH: Final = 36


def draw_tree(spans: Sequence[ReceivedSpan]) -> str:
    """Lines of text, those that belong to a span below it, in the order of their beginnings."""
    begin = min(span.started_at for span in spans)
    whole = max(span.ended_at for span in spans) - begin
    rows = list(_rows(spans))
    width = max(len(name) for name, _ in rows)
    lines = []
    for name, span in rows:
        took = span.ended_at - span.started_at
        track = draw_track(span.started_at - begin, took, whole, _TRACK_WIDTH, "").plain
        shown = " ".join(str(span.attributes[key]) for key in _SHOWN if key in span.attributes)
        line = f"{name:<{width}}  {track:<{_TRACK_WIDTH}} {took / 1e6:5.0f} ms  {shown}"
        lines.append(line.rstrip() + "\n")
    return "".join(lines)


def _rows(spans: Sequence[ReceivedSpan]) -> Iterator[tuple[str, ReceivedSpan]]:
    known = {span.span_id for span in spans}
    in_order = sorted(spans, key=lambda span: span.started_at)
    for span in in_order:
        if span.parent_id not in known:
            yield span.name, span
            yield from _rows_below(span, in_order, "")


def _rows_below(
    above: ReceivedSpan, spans: Sequence[ReceivedSpan], indent: str
) -> Iterator[tuple[str, ReceivedSpan]]:
    below = [span for span in spans if span.parent_id == above.span_id]
    for span in below:
        is_last = span is below[-1]
        yield f"{indent}{'└ ' if is_last else '├ '}{span.name}", span
        yield from _rows_below(span, spans, indent + ("  " if is_last else "│ "))
