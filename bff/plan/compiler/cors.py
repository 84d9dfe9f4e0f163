"""`cors`: what an endpoint has of its own and of the gateway, and what of a route needs origins."""

from typing import Any

from bff.declarations.models.access import CorsDecl
from bff.declarations.models.gateway import GatewayFile
from bff.plan.model.composition import NO_CORS, Cors
from bff.plan.reporter import Path, Reporter

_LIST_ORIGINS = "List the origins of your pages: cors: {origins: [https://shop.example]}."


def compile_cors(reporter: Reporter[Any], of_gateway: CorsDecl, own: CorsDecl, path: Path) -> Cors:
    """What an endpoint has; `path` is that of its own `cors`. Credentials without an origin are
    reported."""
    cors = _merged(of_gateway, own)
    if own.credentials and not cors.origins and reporter.document.is_sound((*path, "origins")):
        reporter.report(
            (*path, "credentials"),
            "no page may bring credentials here, since no origin is listed",
            _LIST_ORIGINS,
        )
    return cors


def report_needs_of_origins(reporter: Reporter[GatewayFile]) -> None:
    """Report routes that expose headers, or open WebSockets, to pages while no origin is listed."""
    gateway = reporter.document.model
    if not reporter.document.is_sound(("cors",)):
        return
    for prefix, route in gateway.routes.items():
        if _merged(gateway.cors, route.cors).origins or not reporter.document.is_sound(
            ("routes", prefix, "cors")
        ):
            continue
        if route.expose:
            reporter.report(
                ("routes", prefix, "expose"),
                "no page of another origin may read replies here, since none is listed",
                _LIST_ORIGINS,
            )
        if route.websocket:
            reporter.report(
                ("routes", prefix, "websocket"),
                "no page may open a WebSocket here, since no origin is listed",
                _LIST_ORIGINS,
            )


def _merged(of_gateway: CorsDecl, own: CorsDecl) -> Cors:
    origins = of_gateway.origins if own.origins is None else own.origins
    credentials = of_gateway.credentials if own.credentials is None else own.credentials
    age = of_gateway.max_age if own.max_age is None else own.max_age
    return Cors(
        frozenset(origins or ()),
        bool(credentials),
        NO_CORS.max_age_seconds if age is None else age,
    )
