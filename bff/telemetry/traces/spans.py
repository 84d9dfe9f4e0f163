"""Spans as OpenTelemetry's data model has them, before they are encoded.

https://opentelemetry.io/docs/specs/otel/trace/api/ and …/trace/sdk/
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

AttributeValue = str | int | float | bool
Attributes = Sequence[tuple[str, AttributeValue]]
Kind = Literal["internal", "server", "client"]


class Event(NamedTuple):
    """An event in a span; `at` is in nanoseconds since the epoch."""

    name: str
    at: int
    attributes: Attributes = ()


class Link(NamedTuple):
    """A link to a span that is related to this one, but is not its parent. Ids and flags are
    hexadecimal digits, `state` is the `tracestate`. `is_remote`: the span came over the network."""

    trace_id: bytes
    span_id: bytes
    flags: bytes
    state: bytes = b""
    is_remote: bool = False


class Span(NamedTuple):
    """A span that has ended. Ids and flags are hexadecimal digits; `parent_id` is empty without a
    parent. Times are in nanoseconds since the epoch. `has_remote_parent`: the parent came over the
    network."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    flags: bytes
    state: bytes
    name: str
    kind: Kind
    started_at: int
    ended_at: int
    attributes: Attributes
    is_error: bool = False
    has_remote_parent: bool = False
    events: Sequence[Event] = ()
    links: Sequence[Link] = ()
