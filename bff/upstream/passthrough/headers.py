"""The headers that a pass-through forwards, and those that it adds. Pure.

The order is the defence (RFC 9110 §7.6.1). Hop-by-hop headers, and those that `Connection` names,
are removed first. Of the rest a request's headers pass by an allow-list. Then the gateway adds its
own headers, so no client can remove, replace or imitate them.

- Requests are default-deny, beside what the route's `forward` names. `Authorization` passes where
  the gateway asks nobody who calls: such a service has no other way to identify its caller. What
  the gateway identifies a caller by ends here: a service that is to have it says so (`relay`).
  Cookies pass by name alone: they belong to the gateway's origin, and services must not read or set
  each other's.
- Replies are default-allow, since the service addresses them to this client. Headers for the next
  hop (`Server`, `Alt-Svc`) are dropped, and those that a proxy in front of the gateway would obey
  (`X-Accel-Redirect`, `X-Sendfile`), unless `return` names them.
- A reply that not everybody may have is marked private for shared caches (RFC 9111 §5.2.2.7), and
  varies by what identifies callers.
- Where a reply names the service's own addresses, they become the route's (`addresses.py`).
- Framing passes neither way: the gateway makes it from the body.

One pass is taken over the headers, which are most of a pass-through's cost in Python.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from bff.engine.ports import Headers
from bff.header_names import FOLDED, FORWARDED, HOP_BY_HOP, NOT_FOR_CLIENTS
from bff.plan.model.composition import Route
from bff.upstream.guards import content_length
from bff.upstream.passthrough.addresses import OuterAddresses


def _encoded(names: Iterable[str]) -> frozenset[bytes]:
    return frozenset(name.encode() for name in names)


_FORWARDED: Final = _encoded(FORWARDED)
_DROPPED: Final = _encoded(HOP_BY_HOP | NOT_FOR_CLIENTS)

# The usual values of `Connection`, which name no header.
_NAMES_NOTHING: Final = frozenset({b"keep-alive", b"close"})

# They speak to shared caches alone (RFC 9213, and before it), over the head of `Cache-Control`.
_OF_SHARED_CACHES: Final = frozenset({
    b"cdn-cache-control", b"cloudflare-cdn-cache-control", b"surrogate-control",
})  # fmt: skip
_SHARED: Final = frozenset({b"public", b"s-maxage", b"private"})

_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})

# What becomes of a reply's header: its value for the client, or None where it has none.
_Rule = Callable[[bytes], bytes | None]


def _same(value: bytes) -> bytes:
    return value


def _none(_: bytes) -> None:
    return None


def _private(cache_control: bytes) -> bytes:
    """The directives without those that let a shared cache store the reply."""
    kept = [each.strip(b" \t") for each in cache_control.split(b",")]
    own = [each for each in kept if each.partition(b"=")[0].rstrip().lower() not in _SHARED]
    return b", ".join([b"private", *own])


def _sets_cookie(headers: Headers) -> bool:
    return any(name == b"set-cookie" for name, _ in headers)


def _for_one_client(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of a reply that no shared cache may store: with a cookie it would hand one
    client's session to all (RFC 9111 §7.3)."""
    own = [
        (name, _private(value) if name == b"cache-control" else value)
        for name, value in headers
        if name not in _OF_SHARED_CACHES
    ]
    return [(b"cache-control", b"private"), *own]


class ClientInfo(NamedTuple):
    """The sender of a request, as the gateway's socket knows it; `host` is its `Host` header."""

    address: bytes | None
    scheme: bytes
    host: bytes | None


class RouteHeaders:
    """The headers that pass a route, both ways. `bases` are its service's base URLs; `mount` is
    what stands before every path of the gateway, and `root` the target of a request for the route's
    prefix alone. `varies_by` are the headers that identify callers, where not everybody gets the
    same; else None. Safe to share."""

    def __init__(
        self,
        route: Route,
        bases: Iterable[str],
        mount: str = "",
        varies_by: Sequence[str] | None = None,
    ) -> None:
        stripped = mount + (route.prefix if route.strip else "")
        self._prefix = stripped.encode()
        self._addresses = OuterAddresses(bases, stripped)
        self.root = self._addresses.root
        self._forwarded = (_FORWARDED | _encoded(route.forward)) - _encoded(varies_by or ())
        self._returned = _encoded(route.returned)
        self._cookies = _encoded(route.cookies)
        self._is_private = varies_by is not None
        self._vary = ", ".join(varies_by or ()).encode()
        self._rule_of = lru_cache(1024)(self._find_rule)
        self._of_client = lru_cache(256)(self._find_of_client)

    def to_service(self, received: Headers, client: ClientInfo) -> list[tuple[bytes, bytes]]:
        """The headers that go to the service, without framing and those of its trace."""
        forwarded = self._forwarded
        sent = []
        for header in received:
            if header[0] in forwarded:
                sent.append(header)
            elif header[0] == b"connection" and header[1] not in _NAMES_NOTHING:
                return self.to_service(_without_named(received), client)
        if self._cookies:
            sent += self._cookies_of(received)
        sent += self._of_client(client)
        return sent

    def to_client(self, received: Headers) -> tuple[list[tuple[bytes, bytes]], int | None]:
        """The headers that go to the client, without framing, and the declared length of the body;
        None where a transfer coding frames it, or nothing does (RFC 9112 §6.3)."""
        rule_of = self._rule_of
        passed = self._of_private() if self._is_private else []
        length: int | None = None
        is_coded = False
        for header in received:
            name, value = header
            rule = rule_of(name)
            if rule is _same:
                passed.append(header)
            elif rule is not _none:
                if (changed := rule(value)) is not None:
                    passed.append((name, changed))
            elif name == b"content-length":
                length = content_length(value)
            elif name == b"transfer-encoding":
                is_coded = True
            elif name == b"connection" and value not in _NAMES_NOTHING:
                return self.to_client(_without_named(received))
        if self._cookies and not self._is_private and _sets_cookie(passed):
            passed = _for_one_client(passed)
        return passed, None if is_coded else length

    def _of_private(self) -> list[tuple[bytes, bytes]]:
        # Beside the service's own lines: what any of them forbids is forbidden.
        private = (b"cache-control", b"private")
        return [private, (b"vary", self._vary)] if self._vary else [private]

    def _find_rule(self, name: bytes) -> _Rule:
        if self._is_private and name in _OF_SHARED_CACHES:
            return _none
        if self._is_private and name == b"cache-control":
            return _private
        if name == b"set-cookie" and self._cookies:
            return self._cookie_for_client
        if name in (b"location", b"content-location"):
            return self._addresses.location
        if name not in self._returned and name.translate(FOLDED) in _DROPPED:
            return _none
        return _same

    def _cookie_for_client(self, value: bytes) -> bytes | None:
        name = value.partition(b";")[0].partition(b"=")[0].strip(b" \t")
        return self._addresses.cookie(value) if name in self._cookies else None

    def _cookies_of(self, received: Headers) -> list[tuple[bytes, bytes]]:
        pairs = [
            pair.strip(b" \t")
            for name, value in received
            if name == b"cookie"
            for pair in value.split(b";")
        ]
        kept = [
            pair
            for pair in pairs
            if b"=" in pair and pair.partition(b"=")[0].rstrip(b" \t") in self._cookies
        ]
        return [(b"cookie", b"; ".join(kept))] if kept else []

    def _find_of_client(self, client: ClientInfo) -> tuple[tuple[bytes, bytes], ...]:
        added = [(b"x-forwarded-proto", client.scheme)]
        if client.address is not None:
            added.append((b"x-forwarded-for", client.address))
        if client.host is not None:
            added.append((b"x-forwarded-host", client.host))
        if self._prefix:
            added.append((b"x-forwarded-prefix", self._prefix))
        return (*added, (b"via", b"1.1 bff"))  # RFC 9110 §7.6.3: a gateway must


def _without_named(received: Headers) -> Headers:
    """The headers without `Connection` and those that it names, but for framing."""
    named = {b"connection"}
    for name, value in received:
        if name == b"connection":
            named.update(token.strip() for token in value.lower().split(b","))
    named -= _FRAMING
    return [header for header in received if header[0] not in named]
