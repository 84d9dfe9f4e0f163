"""Checks between files that are sound by themselves: shared endpoints, unknown services."""

import re
from collections.abc import Collection, Iterable

from bff.declarations.documents import Document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.endpoint import endpoint_violations
from bff.declarations.models.gateway import GatewayFile
from bff.declarations.suggestions import known_names
from bff.errors import Problem
from bff.plan.reporter import Path, Reporter

RESERVED_PATHS = ("/healthz",)


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
        form = re.sub(r"\{[^{}]*\}", "{}", endpoint)
        if endpoint.partition(" ")[2] in RESERVED_PATHS:
            reporter.report(
                ("endpoint",), f"{endpoint.partition(' ')[2]} is the gateway's own path",
                "Choose another.",
            )  # fmt: skip
        if form in first:
            reporter.report(
                ("endpoint",), f"{first[form]} answers at {endpoint} already",
                "Give one of them another method or path.",
            )  # fmt: skip
        first.setdefault(form, document.file)


def report_routes(reporter: Reporter[GatewayFile], known: Collection[str]) -> None:
    """Report routes to a service that no file describes."""
    for prefix, route in reporter.document.model.routes.items():
        at: Path = ("routes", prefix, "service")
        if route.service not in known and reporter.knows(at):
            what = f"unknown service '{route.service}'"
            reporter.report(at, what, known_names(route.service, known))
