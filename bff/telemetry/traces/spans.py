"""Spans as OpenTelemetry's data model has them, before they are encoded.

https://opentelemetry.io/docs/specs/otel/trace/api/ and …/trace/sdk/
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

AttributeValue = str | int | float | bool
Attributes = Sequence[tuple[str, AttributeValue]]
Kind = Literal["internal", "server", "client"]


class Event(NamedTuple):
    """Something that happened in a span; `at` in nanoseconds since the epoch."""

    name: str
    at: int
    attributes: Attributes = ()


class Link(NamedTuple):
    """A span that belongs to this one without being its parent: hexadecimal digits, and the
    `tracestate`. `is_remote`: it came over the network."""

    trace_id: bytes
    span_id: bytes
    flags: bytes
    state: bytes = b""
    is_remote: bool = False


class Span(NamedTuple):
    """A span that is over. Ids and flags are hexadecimal digits, `parent_id` is empty where there
    is none; times in nanoseconds since the epoch. `has_remote_parent`: the parent came over the
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
