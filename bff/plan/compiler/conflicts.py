"""Checks between files, and parts of one, that are sound by themselves: shared endpoints, unknown
services, WebSockets that nobody can open."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from bff.declarations.documents import Document
from bff.declarations.models.auth import names_sent
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.endpoint import endpoint_violations
from bff.declarations.models.gateway import GatewayFile
from bff.declarations.models.service import ServiceFile
from bff.declarations.suggestions import known_names
from bff.errors import Problem
from bff.header_names import folded
from bff.plan.model.access import Access
from bff.plan.model.service import Service
from bff.plan.reporter import Path, Reporter

_OWN_PATHS = ("/healthz", "/admin/purge", "/bff")  # and all below them


def report_endpoints(
    documents: Iterable[Document[CompositionFile]], problems: list[Problem]
) -> None:
    """Report compositions with the same method and the same path, whatever the names of its params,
    and compositions on a path of the gateway's own."""
    first: dict[str, str] = {}
    for document in documents:
        reporter = Reporter(document, problems)
        endpoint = document.model.endpoint
        if endpoint_violations(endpoint):
            continue
        form = re.sub(r"\{[^{}.]*(\.*)\}", r"{\1}", endpoint)
        path = endpoint.partition(" ")[2]
        if own := _own_path(path):
            reporter.report(("endpoint",), f"{own} is the gateway's own path", "Choose another.")
        if form in first:
            reporter.report(
                ("endpoint",), f"{first[form]} answers at {endpoint} already",
                "Give one of them another method or path.",
            )  # fmt: skip
        first.setdefault(form, document.file)


def _own_path(path: str) -> str | None:
    """The path of the gateway's own that this one is, or is below of."""
    return next((own for own in _OWN_PATHS if f"{path}/".startswith(f"{own}/")), None)


def report_routes(reporter: Reporter[GatewayFile], known: Collection[str]) -> None:
    """Report routes to a service that no file describes, and those with a path of the gateway's own
    for their prefix, whose requests never reach them."""
    for prefix, route in reporter.document.model.routes.items():
        if own := _own_path(prefix):
            reporter.report_key(
                ("routes", prefix), f"{own} is the gateway's own path", "Choose another."
            )
        at: Path = ("routes", prefix, "service")
        if route.service not in known and reporter.knows(at):
            what = f"unknown service '{route.service}'"
            reporter.report(at, what, known_names(route.service, known))


def report_lent_credentials(
    reporter: Reporter[GatewayFile],
    services: Mapping[str, Document[ServiceFile]],
    access: Mapping[str, Access],
) -> None:
    """Report routes that lend credentials of a service that has none; warn of those that lend them
    to everybody."""
    gateway = reporter.document.model
    for prefix, route in gateway.routes.items():
        at: Path = ("routes", prefix, "credentials")
        service = services.get(route.service)
        if route.credentials is None or service is None:
            continue
        if not service.model.has_own_credentials:
            reporter.report(
                at,
                f"{route.service} has no headers, query or auth that this route could send",
                f"State them in services/{route.service}.yaml, or leave `credentials` out.",
            )
            continue
        own, _ = names_sent(service.model.headers, service.model.query, service.model.auth)
        for index, name in enumerate(route.forward):
            if name.lower() in own:
                reporter.report(
                    ("routes", prefix, "forward", index),
                    f"every request here has the '{name}' of {route.service}'s own",
                    "Leave it out.",
                )
        if access[prefix].kind == "public":
            reporter.warn(
                at,
                f"anyone may call {route.service} here with the gateway's own credentials",
                "Let compositions ask for what everybody may have, and write"
                " `access: authenticated` at the route.",
            )


def report_disclosures(
    reporter: Reporter[GatewayFile],
    services: Mapping[str, Document[ServiceFile]],
    access: Mapping[str, Access],
) -> None:
    """Report routes that pass a client's own header by which a service learns who calls; warn of
    those that anyone may call to such a service. `access` is the routes', by their prefixes."""
    for prefix, route in reporter.document.model.routes.items():
        service = services.get(route.service)
        if service is None or not service.model.learns_caller:
            continue
        of_caller = {folded(name): name for name in service.model.caller_headers}
        for index, name in enumerate(route.forward):
            if (own := of_caller.get(folded(name))) is not None:
                reporter.report(
                    ("routes", prefix, "forward", index),
                    f"by '{own}' {route.service} learns who calls, so no client may send it",
                    "Leave it out.",
                )
        if access[prefix].kind == "public":
            reporter.warn(
                ("routes", prefix, "service"),
                f"{route.service} learns who calls, and here nobody may be known",
                "Give the route an access that identifies: access: authenticated.",
            )


def report_navigations(reporter: Reporter[GatewayFile]) -> None:
    """Report routes that let pages navigate to them where nobody's session would be looked at."""
    gateway = reporter.document.model
    for prefix, route in gateway.routes.items():
        at: Path = ("routes", prefix, "navigation")
        if not route.navigation:
            continue
        if gateway.identity.sessions is None and reporter.knows(("identity", "sessions")):
            mend = "Leave it out, or describe `identity.sessions`."
            reporter.report(at, "there are no sessions of browsers", mend)
        elif (route.access or gateway.defaults.access) == "public":
            mend = "Leave it out: everybody may navigate to it."
            reporter.report(at, "nobody's session is looked at here", mend)


def report_websockets(
    reporter: Reporter[GatewayFile], services: Mapping[str, Service], app_guards: Sequence[str]
) -> None:
    """Report routes whose WebSockets a proxy on the way to the service would end, and those whose
    WebSockets the hooks of an app would have to guard: these see a request and its reply, and a
    WebSocket has neither."""
    gateway = reporter.document.model
    for prefix, route in gateway.routes.items():
        at: Path = ("routes", prefix, "websocket")
        if not route.websocket:
            continue
        service = services.get(route.service)
        if service is not None and service.link is not None and service.link.proxy is not None:
            plain = next((url for url in service.instances if url.startswith("http:")), None)
            if plain is not None:
                reporter.report(
                    at,
                    f"the proxy of {route.service} passes no WebSockets to {plain}",
                    "Through a proxy they need an https address.",
                )
        if app_guards:
            reporter.report(
                at,
                f"the app's hooks guard this route, and a WebSocket passes by them"
                f" ({'; '.join(app_guards)})",
                'Serve it from a gateway without the app, or mount this one with guards="none".',
            )
