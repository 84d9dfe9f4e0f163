"""A payload in one of its forms, ready to go out: bytes, ETag, headers.

A stored payload has its variants beside it, so that masking, compressing, hashing and building
headers happen once for each entry and form, not for each request. Nothing here waits.
"""

from typing import Final

from pydantic_core import from_json, to_json

from bff.engine.payload.merge import apply_mask
from bff.plan.model.payload import PLAIN, Head, MaskNode
from bff.web.http.codings import IDENTITY, encode
from bff.web.http.replies import (
    JSON,
    NO_HEADERS,
    NO_STORE,
    NOSNIFF,
    RawHeader,
    Reply,
    SharedHeaders,
    entity_tag,
    names_tag,
)
from bff.web.http.requests import GatewayRequest

_WRITTEN: Final = SharedHeaders([(b"content-type", JSON), NO_STORE, NOSNIFF])
_WRITTEN_EMPTY: Final = SharedHeaders([NO_STORE, NOSNIFF])


class Variant:
    """One view of one payload, in one coding. Built on any thread; read by many. `head` has the
    status of its replies, and the headers that the composition declares.

    `standing` are headers that every reply with it has, 304 too: Cache-Control, Vary.
    """

    __slots__ = (
        "_hit_full", "_hit_tick", "_hit_unchanged", "_own", "_standing", "body", "head", "tag",
    )  # fmt: skip

    def __init__(
        self,
        body: bytes,
        standing: SharedHeaders,
        head: Head = PLAIN,
        tag: bytes | None = None,
        coding: str = IDENTITY,
    ) -> None:
        self.body = body
        self.head = head
        self.tag = tag or entity_tag(body)
        self._standing = standing
        self._own: list[RawHeader] = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % len(body)),
            (b"etag", self.tag),
            NOSNIFF,
        ]
        if head is not PLAIN:
            self._own = _of_head(head, self._own)
        if coding != IDENTITY:
            self._own.append((b"content-encoding", coding.encode()))
        self._hit_tick = -1
        self._hit_full = self._hit_unchanged = NO_HEADERS

    def encoded(self, coding: str) -> "Variant":
        """This one in another coding; takes up to a millisecond for each 15 KB."""
        # The same bytes give the same coded ones, so the tag need not be another digest.
        tag = b'%s-%s"' % (self.tag[:-1], coding.encode())
        return Variant(encode(self.body, coding), self._standing, self.head, tag, coding)

    def reply(self, request: GatewayRequest, headers: list[RawHeader]) -> Reply:
        """The variant as a reply, or 304 to a client that has it; `headers` come on top."""
        if self._known_to(request):
            return Reply(304, [*self._unchanged(), *headers], shared=self._standing)
        return Reply(self.head.status, [*self._own, *headers], self.body, shared=self._standing)

    def written(self, headers: list[RawHeader]) -> Reply:
        """The reply of a composition that writes: nothing to compare with, nothing to store."""
        own = [*self.head.headers, *headers]
        if not self.head.has_body:
            return Reply(self.head.status, own, shared=_WRITTEN_EMPTY)
        own.append((b"content-length", b"%d" % len(self.body)))
        return Reply(self.head.status, own, self.body, shared=_WRITTEN)

    def hit(self, request: GatewayRequest, age: int, ttl: int) -> Reply:
        """As `reply`, out of the cache. The headers are built once a second.
        `age` and `ttl` are whole seconds, `ttl` below zero for what is stale."""
        if age != self._hit_tick:
            # Two threads may both do this. A reader between the lines gets a time that is one
            # second off.
            headers = [*self._standing, *hit_headers(age, ttl)]
            self._hit_full = SharedHeaders([*self._own, *headers])
            self._hit_unchanged = SharedHeaders([*self._unchanged(), *headers])
            self._hit_tick = age
        if self._known_to(request):
            return Reply(304, (), shared=self._hit_unchanged)
        return Reply(self.head.status, (), self.body, shared=self._hit_full)

    def _unchanged(self) -> list[RawHeader]:
        return [(b"etag", self.tag), *self.head.headers]

    def _known_to(self, request: GatewayRequest) -> bool:
        if_none_match = request.header_list(b"if-none-match")
        if if_none_match is None or request.method == "POST" or self.head.status != 200:
            return False  # 304 answers what is safe by its method alone (RFC 9110 §13.1.2)
        return names_tag(if_none_match, self.tag)


def _of_head(head: Head, own: list[RawHeader]) -> list[RawHeader]:
    """The headers of a variant under a declared head. What is no 200 has no ETag, since it is not
    compared with what a client has (RFC 9110 §13.2.1)."""
    content_type, length, tag, *others = own
    entity = [content_type, length] if head.has_body else []
    return [*head.headers, *entity, *([tag] if head.status == 200 else ()), *others]


def hit_headers(age: int, ttl: int) -> list[RawHeader]:
    """The headers of a reply out of the cache (RFC 9211), with its age."""
    return [(b"age", b"%d" % age), (b"cache-status", b"bff; hit; ttl=%d" % ttl)]


def masked(body: bytes, mask: MaskNode) -> bytes:
    """A payload's bytes, trimmed. Takes 8 ms for each MiB of products, and up to ten times
    that for one of small keys and numbers, so large ones go to a thread."""
    return to_json(apply_mask(mask, from_json(body)))
