"""Cross-origin access (Fetch standard §3.2): which pages may read replies, and preflights.

Rules:
1. An origin is answered where it is one of those that are listed, and then alone: no answer repeats
   what a request says, and none is `*`.
2. Preflights bring no credentials (Fetch §4.8), so they are answered before anybody is identified.
3. Every reply of an endpoint with origins varies by `Origin`, whoever asks.

Everything is worked out when the project is loaded; a request costs one dictionary look-up.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

from bff.header_names import FORWARDED, TRACE
from bff.plan.model.composition import NO_CORS, CompiledProject, Cors
from bff.web.http.quotas import QUOTA_HEADERS
from bff.web.http.replies import RawHeader, Reply, SharedHeaders
from bff.web.http.requests import GatewayRequest

EXPOSED = (
    "Cache-Status", "ETag", "Proxy-Status", *QUOTA_HEADERS, "Retry-After", "Server-Timing",
    "X-Request-ID",
)  # fmt: skip
# What a page may send besides what browsers always allow: header params come on top.
_REQUEST_HEADERS = FORWARDED | TRACE
_COOKIE: Final = "cookie"  # the browser's own to send
_WITH_SESSIONS: Final = "x-csrf"
_OURS = (b"access-control-", b"timing-allow-origin")


class CrossOrigin:
    """One `cors:` as header lists. Without origins it is not on: replies carry none. `exposed` are
    headers of replies that pages may read, `allowed` those that they may send, in lower case."""

    def __init__(
        self, cors: Cors, exposed: Sequence[str] = EXPOSED, allowed: Iterable[str] = ()
    ) -> None:
        self.is_on = bool(cors.origins)
        self._vary = SharedHeaders([(b"vary", b"Origin")] if self.is_on else [])
        self._origins = tuple(origin.encode() for origin in cors.origins)
        self._credentials: tuple[RawHeader, ...] = ()
        if cors.credentials:
            self._credentials = ((b"access-control-allow-credentials", b"true"),)
        self._max_age = b"%d" % cors.max_age_seconds
        self._exposed = exposed
        self._by_origin = self.exposing(())
        self._allowed = frozenset(allowed)

    def exposing(self, names: Sequence[str]) -> dict[bytes | None, SharedHeaders]:
        """What replies carry whose headers of these names pages may read, too; by their origins."""
        known = {name.lower() for name in self._exposed}
        more = [name for name in names if name.lower() not in known]
        exposed = ", ".join((*self._exposed, *more)).encode()
        return {
            origin: SharedHeaders(
                [
                    *self._vary,
                    (b"access-control-allow-origin", origin),
                    *self._credentials,
                    (b"access-control-expose-headers", exposed),
                    (b"timing-allow-origin", origin),
                ]
            )
            for origin in self._origins
        }

    def headers(self, origin: bytes | None) -> SharedHeaders:
        """What every reply to a page of `origin` carries."""
        if origin is None:
            return self._vary
        return self._by_origin.get(origin, self._vary)

    def without_upstreams(self, headers: list[RawHeader]) -> list[RawHeader]:
        """A passed-through reply's headers without the upstream's own answer, if we have one."""
        if not self.is_on:
            return headers
        return [header for header in headers if not header[0].startswith(_OURS)]

    def preflight(
        self, request: GatewayRequest, methods: Sequence[str], granted: Sequence[str]
    ) -> Reply:
        """The answer to a preflight: `granted` of the methods that are there; for a foreign origin
        one that allows nothing."""
        headers = [
            (b"allow", ", ".join(methods).encode()),
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        if request.single[b"origin"] in self._by_origin:
            headers.append((b"access-control-allow-methods", ", ".join(granted).encode()))
            asked = request.single.get(b"access-control-request-headers", b"").decode("latin-1")
            names = dict.fromkeys(name.strip().lower() for name in asked.split(","))
            if allowed := [name for name in names if name in self._allowed]:
                headers.append((b"access-control-allow-headers", ", ".join(allowed).encode()))
            headers.append((b"access-control-max-age", self._max_age))
        return Reply(204, headers)


def is_preflight(request: GatewayRequest) -> bool:
    """Whether a browser asks by an OPTIONS if a page may send what it wants to."""
    return b"origin" in request.single and b"access-control-request-method" in request.single


def wanted_method(preflight: GatewayRequest) -> str:
    """The method that a page wants to send."""
    return preflight.single[b"access-control-request-method"].decode("latin-1")


NO_CROSS_ORIGIN: Final = CrossOrigin(NO_CORS)
"""That of the gateway's own endpoints: no page of another origin may read what they answer."""


class CrossOrigins:
    """What each `cors` of a project means. `read_headers` are those that callers are identified
    by, in lower case."""

    def __init__(self, project: CompiledProject, read_headers: Iterable[str] = ()) -> None:
        exposed = (*EXPOSED, *_declared_headers(project))
        allowed = _allowed_headers(project, frozenset(read_headers))
        self.of = cache(lambda cors: CrossOrigin(cors, exposed, allowed))


def _allowed_headers(project: CompiledProject, read: frozenset[str]) -> frozenset[str]:
    """What a page may send besides what browsers always allow."""
    forwarded = {name.lower() for route in project.routes for name in route.forward}
    of_params = {
        param.wire_name
        for composition in project.compositions
        for param in composition.params
        if param.location == "header"
    }
    with_sessions = {_WITH_SESSIONS} if _COOKIE in read else set()
    return frozenset(_REQUEST_HEADERS | forwarded | of_params | (read - {_COOKIE}) | with_sessions)


def _declared_headers(project: CompiledProject) -> list[str]:
    """The headers that compositions declare, in one spelling each."""
    declared = {
        name.lower(): name
        for composition in project.compositions
        if composition.head is not None
        for name in composition.head.headers
    }
    known = {name.lower() for name in EXPOSED}
    return [declared[name] for name in sorted(declared.keys() - known)]
