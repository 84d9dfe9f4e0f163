"""Cross-origin access (Fetch standard §3.2): which pages may read replies, and preflights.

Everything is worked out when the project is loaded; a request costs one dictionary look-up.
"""

from collections.abc import Sequence

from bff.header_names import FORWARDED, TRACE
from bff.plan.model.composition import CompiledProject
from bff.web.http.replies import RawHeader, Reply, SharedHeaders
from bff.web.http.requests import GatewayRequest

EXPOSED = ("Cache-Status", "ETag", "Proxy-Status", "Retry-After", "Server-Timing", "X-Request-ID")
# What a page may send besides what browsers always allow: header params come on top.
_REQUEST_HEADERS = FORWARDED | TRACE
_OURS = (b"access-control-", b"timing-allow-origin")


class CrossOrigin:
    """The project's `cors:` as header lists. Without origins it is not on: replies carry none."""

    def __init__(self, project: CompiledProject) -> None:
        origins = project.cors.origins
        self.is_on = bool(origins)
        self._vary = SharedHeaders([(b"vary", b"Origin")] if self.is_on else [])
        self._origins = tuple(origin.encode() for origin in origins)
        self._exposed = (*EXPOSED, *_declared_headers(project))
        self._by_origin = self.exposing(())
        forwarded = {name.lower() for route in project.routes for name in route.forward}
        self._allowed = (
            _REQUEST_HEADERS
            | forwarded
            | {
                param.wire_name
                for composition in project.compositions
                for param in composition.params
                if param.location == "header"
            }
        )

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

    def is_preflight(self, request: GatewayRequest) -> bool:
        """A browser asks whether a page may send what it wants to, and it is ours to answer."""
        return (
            self.is_on
            and request.method == "OPTIONS"
            and b"origin" in request.single
            and b"access-control-request-method" in request.single
        )

    def preflight(self, request: GatewayRequest, methods: tuple[str, ...]) -> Reply:
        """The answer to a preflight; for a foreign origin one that allows nothing."""
        headers = [
            (b"allow", ", ".join(methods).encode()),
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        if request.single[b"origin"] in self._by_origin:
            headers.append((b"access-control-allow-methods", ", ".join(methods).encode()))
            asked = request.single.get(b"access-control-request-headers", b"").decode("latin-1")
            names = [name.strip().lower() for name in asked.split(",")]
            granted = [name for name in names if name in self._allowed]
            if granted:
                headers.append((b"access-control-allow-headers", ", ".join(granted).encode()))
            headers.append((b"access-control-max-age", b"600"))
        return Reply(204, headers)


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
