"""From a request to its reply: the one path that every host takes.

    begin     the host's name, the routing table, who asks, params, whether they may, memory (sync)
    Pending   what takes waiting: the request's body, Redis, a run, a route                 (async)
    finish    request id, CORS, no body for HEAD        (every reply, problem documents too)

A bug in any of them ends in a 500 problem document and a traceback in the log, never in a dead
worker. Knows no host.
"""

from collections.abc import Iterator, Mapping
from typing import assert_never

from bff.plan.model.composition import CompiledProject
from bff.web.compositions.handler import CompositionHandler
from bff.web.http.cors import CrossOrigin, CrossOrigins, is_preflight, wanted_method
from bff.web.http.destination import NOWHERE, Destination
from bff.web.http.problems import bad_host, bad_path, internal_error, wrong_method
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import AccessControl
from bff.web.serving.endpoints import (
    BeginLine,
    Begun,
    CompositionEndpoint,
    RouteEndpoint,
    plain_options,
)
from bff.web.serving.matches import BadPath, NoMatch, ToComposition, ToOwn, ToRoute, WrongMethod
from bff.web.serving.own_endpoints import OwnEndpoint
from bff.web.serving.pending import Pending
from bff.web.serving.routes import RouteHandler
from bff.web.serving.routing import RoutingTable
from bff.web.serving.websockets import WebSocketHandler
from bff.web.telemetry.telemetry import Telemetry

_MOST_REMEMBERED_LINES = 4096
_LONGEST_REMEMBERED_LINE = 512  # characters of path and query


class Dispatcher:
    """A compiled project, ready to answer. `begin` is safe on any thread. The maps' keys are
    compositions' names, routes' prefixes, and paths of the gateway's own endpoints. `app` is the
    destination of what the app behind answers."""

    def __init__(
        self,
        project: CompiledProject,
        table: RoutingTable,
        compositions: Mapping[str, CompositionHandler],
        routes: Mapping[str, RouteHandler],
        websockets: Mapping[str, WebSocketHandler],
        own: Mapping[str, OwnEndpoint],
        cross_origins: CrossOrigins,
        access: AccessControl,
        telemetry: Telemetry,
        url_prefix: str = "",
    ) -> None:
        """`url_prefix` stands before every public path, as `table` has it."""
        self._table = table
        self._compositions = {
            each.name: CompositionEndpoint(
                compositions[each.name],
                access.guard(
                    each.access,
                    each.limits,
                    depends_on_caller=each.scope == "identity",
                    origins=each.cors.origins,
                ),
                Destination(
                    "composition",
                    each.name,
                    url_prefix + each.path_text,
                    each.slo,
                    project.release,
                ),
                self,
            )
            for each in project.compositions
        }
        self._routes = {
            each.prefix: RouteEndpoint(
                routes[each.prefix],
                websockets.get(each.prefix),
                access.guard(
                    each.access,
                    each.limits,
                    depends_on_caller=routes[each.prefix].tells_caller,
                    origins=each.cors.origins,
                    takes_navigations=each.navigation,
                ),
                Destination(
                    "route",
                    each.prefix,
                    f"{url_prefix}{each.prefix}/*",
                    release=project.release,
                ),
                self,
            )
            for each in project.routes
        }
        self._nowhere = Destination("none", release=project.release)
        self.app = Destination("app", release=project.release)
        self._own = own
        self._own_destinations = {
            path: Destination("own", path, url_prefix + path, release=project.release)
            for path in own
        }
        self._cross_origin = cross_origins.of(project.cors)
        # Of destinations; the others have the project's.
        self._cross_origins: dict[Destination, CrossOrigin] = {
            **{
                self._compositions[each.name].destination: cross_origins.of(each.cors)
                for each in project.compositions
            },
            **{
                self._routes[each.prefix].destination: cross_origins.of(each.cors)
                for each in project.routes
            },
            **{
                self._own_destinations[path]: each.cross_origin
                for path, each in own.items()
                if each.cross_origin is not None
            },
        }
        self._telemetry = telemetry
        self._lines: dict[tuple[str, str, str], tuple[Destination, BeginLine]] = {}

    def begin(self, request: GatewayRequest) -> Reply | Pending | None:
        """The reply, where it takes no waiting; None where nothing of the project's is there."""
        try:
            if not request.has_good_host():
                request.destination = self._nowhere
                begun: Reply | Pending | None = bad_host(request)
            else:
                # Routing, reading params and digesting them take 12 µs of the 25 that a hit spends
                # here.
                key = (request.method, request.raw_path, request.raw_query)
                line = self._lines.get(key)
                if line is None:
                    begun = self._begin(request)
                else:
                    request.destination, begin_line = line
                    begun = begin_line(request)
        except Exception as error:
            return self.report_bug(request, error)
        return self.finish(request, begun) if isinstance(begun, Reply) else begun

    def finds(self, method: str, raw_path: str) -> bool:
        """Whether something of the project's is at this path, or refuses it."""
        return not isinstance(self._table.match(method, raw_path), NoMatch)

    def http_routes(self) -> Iterator[str]:
        """The templates of the paths at which something is."""
        destinations = [each.destination for each in self._compositions.values()]
        destinations += [each.destination for each in self._routes.values()]
        destinations += self._own_destinations.values()
        return (each.route for each in destinations)

    def finish(self, request: GatewayRequest, reply: Reply) -> Reply:
        """What every reply has: the request's id, CORS, what limits say, and no body for HEAD."""
        cross_origin = self._cross_origins.get(request.destination, self._cross_origin)
        if cross_origin.is_on and not reply.cors:
            reply.cors = cross_origin.headers(request.single.get(b"origin"))
        reply.request_id = request.request_id
        reply.quota = request.quota
        if reply.is_refusal:
            self._telemetry.refused(request, reply)
            reply.is_refusal = False  # where admission waited, a reply is finished twice
        if request.method == "HEAD" and isinstance(reply.body, bytes):
            reply.body = b""
        return reply

    def finish_own(self, request: GatewayRequest, reply: Reply) -> Reply:
        """As `finish`, for a reply that the host made, perhaps without `begin`."""
        if request.destination is NOWHERE:
            request.destination = self._nowhere
        return self.finish(request, reply)

    def report_bug(self, request: GatewayRequest, error: Exception) -> Reply:
        """Log an exception that nobody foresaw, and give the reply to it."""
        self._telemetry.bug(request, error)
        return self.finish(request, internal_error(request))

    def _begin(self, request: GatewayRequest) -> Reply | Pending | None:
        request.destination = self._nowhere
        if (
            request.method == "OPTIONS"
            and is_preflight(request)
            and (answer := self._preflight(request)) is not None
        ):
            return answer
        match = self._table.match(request.method, request.raw_path)
        if type(match) is ToComposition:
            return self._begin_composition(request, match)
        if request.method == "OPTIONS" and isinstance(match, WrongMethod):
            return self._begin_options(request, match.allow)
        match match:
            case ToOwn(path):
                request.destination = self._own_destinations[path]
                return self._own[path].begin(self, request)
            case ToRoute():
                return self._begin_route(request, match)
            case WrongMethod(allow):
                return wrong_method(request, allow)
            case BadPath():
                return bad_path(request)
            case NoMatch():
                request.destination = self.app
                return None
            case ToComposition():
                raise AssertionError("begun above")
            case _:
                assert_never(match)

    def _preflight(self, request: GatewayRequest) -> Reply | None:
        """The answer to a page that asks whether it may send a request; None where no page of
        another origin may, or nothing is there."""
        path = request.raw_path
        destination = self._destination_at(wanted_method(request), path)
        if destination is None:
            return None
        request.destination = destination
        cross_origin = self._cross_origin_of(destination)
        if not cross_origin.is_on:
            return None
        methods = self._table.allowed_methods(path)
        granted = [
            each
            for each in methods
            if (there := self._destination_at(each, path)) is not None
            and self._cross_origin_of(there) is cross_origin
        ]
        return cross_origin.preflight(request, methods, granted)

    def _cross_origin_of(self, destination: Destination) -> CrossOrigin:
        return self._cross_origins.get(destination, self._cross_origin)

    def _destination_at(self, method: str, raw_path: str) -> Destination | None:
        match = self._table.match(method, raw_path)
        match match:
            case ToComposition():
                return self._compositions[match.name].destination
            case ToRoute():
                return self._routes[match.route.prefix].destination
            case ToOwn(path):
                return self._own_destinations[path]
            case WrongMethod():
                return self._nowhere
            case BadPath() | NoMatch():
                return None
            case _:
                assert_never(match)

    def _begin_composition(self, request: GatewayRequest, match: ToComposition) -> Begun:
        endpoint = self._compositions[match.name]
        request.destination = endpoint.destination
        return endpoint.begin(request, match.params, self._remember)

    def _begin_route(self, request: GatewayRequest, match: ToRoute) -> Begun:
        endpoint = self._routes[match.route.prefix]
        request.destination = endpoint.destination
        begin_line = endpoint.line(request.method, match.below, request.raw_query)
        if request.method != "OPTIONS":  # else it may be a preflight
            self._remember(request, begin_line)
        return begin_line(request)

    def _begin_options(self, request: GatewayRequest, allow: tuple[str, ...]) -> Begun:
        """Begin a plain OPTIONS to a path of compositions: it takes the access of what a GET would
        get, where there is one, and else of the first method's."""
        method = "GET" if "GET" in allow else next(each for each in allow if each != "OPTIONS")
        match = self._table.match(method, request.raw_path)
        if not isinstance(match, ToComposition):  # an endpoint of the gateway's own
            return plain_options(allow)
        endpoint = self._compositions[match.name]
        request.destination = endpoint.destination
        return endpoint.begin_options(request, match.params, allow)

    def _remember(self, request: GatewayRequest, begin_line: BeginLine) -> None:
        if len(request.raw_path) + len(request.raw_query) <= _LONGEST_REMEMBERED_LINE:
            if len(self._lines) >= _MOST_REMEMBERED_LINES:
                self._lines.clear()  # rather than an order to keep, on every request
            key = (request.method, request.raw_path, request.raw_query)
            self._lines[key] = (request.destination, begin_line)
