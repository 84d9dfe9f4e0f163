"""Which composition or route a request is for: one compiled matcher, for every host.

Rules:
1. The path is split as it came, percent-encoded; segments are decoded after that, so `%2F` stays
   within its segment. Nothing redirects, and a trailing slash is a segment.
2. A static segment wins over a param, and a param over the rest (`{path...}`), from left to right;
   where one leads nowhere, the next is tried. An empty segment matches none, and a rest has a
   segment at least. `%2F` stays as it is in a rest, where a slash separates segments.
3. The gateway's own endpoints win over compositions, and these over routes; of the routes, the
   longest prefix that ends at a segment's end.
4. A route's prefix has one spelling, the one that is forwarded: `/%72aw` is not `/raw`. A path to a
   route that goes elsewhere once it is decoded, its slashes are merged, and `;…` is cut off its
   segments, is refused: the service may read it so. To some a backslash is a slash, too.
5. HEAD goes where GET goes; an endpoint of the gateway's own says itself whether it takes it. A
   route takes every method that no composition takes there.

Pure: no sockets, no Flask. Safe to share between threads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from bff.plan.model.composition import Composition, Route
from bff.plan.params.sendable import ENCODED_SLASH
from bff.web.serving.matches import (
    BadPath,
    Match,
    NoMatch,
    ToComposition,
    ToOwn,
    ToRoute,
    WrongMethod,
)

EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
_NOTHING: Mapping[str, str] = {}
_NO_OWN: Mapping[str, tuple[str, ...]] = {}


class RoutingTable:
    """The compiled matcher of a project. The work of a match depends on the path's length, not on
    how many compositions there are; a path without params costs one dictionary look-up."""

    def __init__(
        self,
        compositions: Iterable[Composition],
        routes: Iterable[Route],
        url_prefix: str = "",
        own: Mapping[str, tuple[str, ...]] = _NO_OWN,
    ) -> None:
        """`url_prefix` stands before every path: "/api", or "" for nothing. `own` are endpoints of
        the gateway's own: their methods by their paths."""
        before = url_prefix.split("/")[1:]
        self._root = _Node()
        self._routes = _RouteNode()
        self._exact: dict[tuple[str, str], ToComposition | ToOwn] = {}
        for composition in compositions:
            _add_composition(self._root, before, composition)
        for path, methods in own.items():
            _add_own(self._root, before, path, methods)
        for route in routes:
            _add_route(self._routes, before, route)
        _collect_exact(self._root, "", self._exact)

    def match(self, method: str, raw_path: str) -> Match:
        """Where a request goes. `raw_path` has no query; its bytes stand as latin-1 text."""
        exact = self._exact.get((method, raw_path))
        if exact is not None:
            return exact
        if not raw_path.startswith("/"):
            return _NO_MATCH  # "*", or a proxy's absolute form
        found: list[_Node] = []
        try:
            raw_segments, segments = _split(raw_path)
            name_and_params = _walk(self._root, segments, raw_segments, _looked_up(method), found)
        except ValueError:
            return _BAD_PATH
        if name_and_params is not None:
            return _endpoint(*name_and_params)
        route = _match_route(self._routes, raw_segments)
        if route is not None and not any(node.is_own for node in found):
            return route if self._has_one_reading(route, method, segments) else _BAD_PATH
        return WrongMethod(_methods(found)) if found else _NO_MATCH

    def _has_one_reading(self, route: ToRoute, method: str, segments: list[str]) -> bool:
        """Whether a service finds the path below the same prefix, and at no composition, however
        much of it that reads (rule 4)."""
        if not any(odd in route.below for odd in ("%", "//", ";", "\\")):
            return True
        start = len(segments) - route.below.count("/")
        below = "/".join(segments[start:]).replace("\\", "/").split("/")
        cut = [each.partition(";")[0] for each in below]
        plain = segments[:start] + [each for each in cut[:-1] if each] + cut[-1:]
        quoted = [_quoted(each) for each in plain]
        found = _match_route(self._routes, quoted)
        leads_here = found is not None and found.route is route.route
        return leads_here and _walk(self._root, plain, quoted, _looked_up(method), []) is None

    def allowed_methods(self, raw_path: str) -> tuple[str, ...]:
        """Every method that a path takes, for preflights; empty where nothing is."""
        try:
            raw_segments, segments = _split(raw_path)
        except ValueError:
            return ()
        found: list[_Node] = []
        _walk(self._root, segments, raw_segments, "", found)
        if any(node.is_own for node in found) or _match_route(self._routes, raw_segments) is None:
            return _methods(found) if found else ()
        return EVERY_METHOD


def decode_segment(raw: str) -> str:
    """Undo a segment's percent-encoding. Raises `ValueError` for broken ones and for bytes that
    are not UTF-8. `raw` is latin-1 text: a byte above 127 stands for itself."""
    for part in raw.split("%")[1:]:
        if len(part) < 2 or part[0] not in _HEX or part[1] not in _HEX:
            raise ValueError("a percent sign without two hex digits")
    return unquote_to_bytes(raw.encode("latin-1")).decode()


@dataclass(slots=True)
class _Node:
    """One segment's place in the tree of compositions."""

    static: "dict[str, _Node]" = field(default_factory=dict)
    param: "_Node | None" = None
    rest: "_Node | None" = None
    # By method: the composition's name and those of its path's params.
    endpoints: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    is_own: bool = False  # an endpoint of the gateway's own: no route is asked for other methods


@dataclass(slots=True)
class _RouteNode:
    """One segment's place in the tree of routes."""

    static: "dict[str, _RouteNode]" = field(default_factory=dict)
    route: Route | None = None


_NO_MATCH = NoMatch()
_BAD_PATH = BadPath()
_HEX = frozenset("0123456789abcdefABCDEF")


def _quoted(segment: str) -> str:
    """The one spelling of a route's segment."""
    return quote(segment, safe="!$&'()*+,;=:@~")


def _looked_up(method: str) -> str:
    return "GET" if method == "HEAD" else method


def _split(raw_path: str) -> tuple[list[str], list[str]]:
    """The path's segments as they came, and decoded."""
    raw_segments = raw_path.split("/")[1:]
    if "%" in raw_path or not raw_path.isascii():
        return raw_segments, [decode_segment(segment) for segment in raw_segments]
    return raw_segments, raw_segments


def _decode_in_rest(raw: str) -> str:
    """A segment's text within a rest. Raises `ValueError` where it would hold an encoded slash that
    came in another spelling."""
    if "%" not in raw and raw.isascii():
        return raw
    parts = ENCODED_SLASH.split(raw)
    for index in range(0, len(parts), 2):
        parts[index] = decode_segment(parts[index])
    decoded = "".join(parts)
    if len(ENCODED_SLASH.findall(decoded)) > len(parts) // 2:
        raise ValueError("an encoded slash in two spellings")
    return decoded


def _add_composition(root: _Node, before: list[str], composition: Composition) -> None:
    node = root
    names = []
    # The path "/" has no segments of its own, and splits into one empty one.
    for segment in (*before, *composition.path) or ("",):
        if isinstance(segment, str):
            node = node.static.setdefault(segment, _Node())
            continue
        names.append(segment.name)
        if segment.is_rest:
            node.rest = node = node.rest or _Node()
        else:
            node.param = node = node.param or _Node()
    node.endpoints[composition.method] = (composition.name, tuple(names))


def _add_own(root: _Node, before: list[str], path: str, methods: tuple[str, ...]) -> None:
    node = root
    for segment in (*before, *path.split("/")[1:]):
        node = node.static.setdefault(segment, _Node())
    node.endpoints.update(dict.fromkeys(methods, (path, ())))
    node.is_own = True


def _endpoint(name: str, params: Mapping[str, str]) -> ToComposition | ToOwn:
    """A path is the name of an endpoint of the gateway's own; no composition's begins so."""
    return ToOwn(name) if name.startswith("/") else ToComposition(name, params)


def _add_route(root: _RouteNode, before: list[str], route: Route) -> None:
    node = root
    for segment in [*before, *route.prefix.split("/")[1:]]:
        node = node.static.setdefault(_quoted(segment), _RouteNode())
    node.route = route


def _collect_exact(
    node: _Node, path: str, exact: dict[tuple[str, str], ToComposition | ToOwn]
) -> None:
    """List the paths without params that are spelled the same encoded and decoded."""
    for method, (name, _) in node.endpoints.items():
        exact[method, path] = _endpoint(name, _NOTHING)
        if method == "GET":
            exact["HEAD", path] = exact[method, path]
    for segment, below in node.static.items():
        if segment.isascii() and "%" not in segment:
            _collect_exact(below, f"{path}/{segment}", exact)


def _walk(
    node: _Node,
    segments: list[str],
    raw_segments: list[str],
    method: str,
    found: list[_Node],
    depth: int = 0,
    values: tuple[str, ...] = (),
) -> tuple[str, dict[str, str]] | None:
    """The first endpoint for `method` in the order of rule 2; `found` gets each node that fits.
    Raises `ValueError` where a rest has no text."""
    if depth == len(segments):
        return _ended(node, method, found, values)
    segment = segments[depth]
    below = node.static.get(segment)
    if below is not None:
        answer = _walk(below, segments, raw_segments, method, found, depth + 1, values)
        if answer is not None:
            return answer
    if node.param is not None and segment:
        here = (*values, segment)
        answer = _walk(node.param, segments, raw_segments, method, found, depth + 1, here)
        if answer is not None:
            return answer
    if node.rest is None or not all(segments[depth:]):
        return None
    is_read = method in node.rest.endpoints
    text = "/".join(map(_decode_in_rest, raw_segments[depth:])) if is_read else ""
    return _ended(node.rest, method, found, (*values, text))


def _ended(
    node: _Node, method: str, found: list[_Node], values: tuple[str, ...]
) -> tuple[str, dict[str, str]] | None:
    if node.endpoints:
        found.append(node)
    if method not in node.endpoints:
        return None
    name, param_names = node.endpoints[method]
    return name, dict(zip(param_names, values, strict=True))


def _match_route(root: _RouteNode, raw: list[str]) -> ToRoute | None:
    node, best, depth = root, root.route, 0
    for index, segment in enumerate(raw, start=1):
        below = node.static.get(segment)
        if below is None:
            break
        node = below
        if node.route is not None:
            best, depth = node.route, index
    rest = "".join(f"/{segment}" for segment in raw[depth:])
    return None if best is None else ToRoute(best, rest)


def _methods(found: list[_Node]) -> tuple[str, ...]:
    methods = {"OPTIONS"}.union(*(node.endpoints for node in found))
    if "GET" in methods and not any(node.is_own for node in found):
        methods.add("HEAD")
    return tuple(sorted(methods))
