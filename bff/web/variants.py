"""A payload in one of its views, ready to go out: bytes, ETag, headers.

A cached payload keeps its variants, so that masking, hashing and building headers happen once for
each entry and view, not for each request. Nothing here waits.
"""

from pydantic_core import from_json, to_json

from bff.engine.masks import apply_mask
from bff.plan.nodes import MaskNode
from bff.web.replies import (
    JSON,
    NO_STORE,
    NOSNIFF,
    REVALIDATE,
    RawHeader,
    Reply,
    entity_tag,
    names_tag,
)
from bff.web.requests import GatewayRequest


class Variant:
    """One view of one payload. Built on any thread; read by many."""

    __slots__ = ("_entity", "_full", "_hit_headers", "_hit_seconds", "_unchanged", "body", "tag")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.tag = entity_tag(body)
        self._unchanged: list[RawHeader] = [(b"etag", self.tag), REVALIDATE]
        self._entity: list[RawHeader] = [
            (b"content-type", JSON),
            (b"content-length", str(len(body)).encode()),
        ]
        self._full: list[RawHeader] = [*self._entity, *self._unchanged, NOSNIFF]
        self._hit_seconds = -1
        self._hit_headers: list[RawHeader] = []

    def reply(self, request: GatewayRequest, headers: list[RawHeader]) -> Reply:
        """The variant as a reply, or 304 to a client that has it; `headers` come on top."""
        if self._known_to(request):
            return Reply(304, [*self._unchanged, *headers])
        return Reply(200, [*self._full, *headers], self.body)

    def written(self, _: GatewayRequest, headers: list[RawHeader]) -> Reply:
        """The reply of a composition that writes: nothing to compare with, nothing to keep."""
        return Reply(200, [*self._entity, NO_STORE, NOSNIFF, *headers], self.body)

    def hit(self, request: GatewayRequest, seconds_left: int) -> Reply:
        """As `reply`, out of the cache: `headers` are the same for a whole second, and kept."""
        if self._known_to(request):
            return Reply(304, [*self._unchanged, *hit_headers(seconds_left)])
        if seconds_left != self._hit_seconds:
            # Two threads may both do this; the pair is written so that a reader between the two
            # lines tells a time that is one second off.
            self._hit_headers = [*self._full, *hit_headers(seconds_left)]
            self._hit_seconds = seconds_left
        return Reply(200, self._hit_headers, self.body)

    def _known_to(self, request: GatewayRequest) -> bool:
        if_none_match = request.single.get(b"if-none-match")
        return if_none_match is not None and names_tag(if_none_match, self.tag)


def hit_headers(seconds_left: int) -> list[RawHeader]:
    """What tells that a reply came out of the cache (RFC 9211)."""
    return [
        (b"cache-status", b"bff; hit; ttl=%d" % seconds_left),
        (b"server-timing", b'cache;desc="hit"'),
    ]


def masked(body: bytes, mask: MaskNode) -> bytes:
    """A payload's bytes, trimmed. Takes 8 ms for each MiB of products, and up to ten times
    that for one of small keys and numbers, so large ones go to a thread."""
    return to_json(apply_mask(mask, from_json(body)))
