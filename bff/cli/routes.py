"""`bff routes`: every public endpoint of the project, as a table."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from bff.cli.project import compile_or_exit, project_option
from bff.plan.explain.callers import caller_lines
from bff.plan.explain.texts import (
    access_text,
    limit_text,
    one_line,
    pages_text,
    proxies_text,
    seconds_text,
    service_text,
    short_limit_text,
    size_text,
)
from bff.plan.model.composition import Composition, Route
from bff.plan.model.limits import Limit
from bff.plan.model.sessions import OWN_METHODS, USER_PATH

_COLUMNS = (
    "method",
    "path",
    "answered by",
    "access",
    "views",
    "cache",
    "scope",
    "purges",
    "limits",
)


@click.command()
@project_option
def routes(project: Path) -> None:
    """Print every composition and pass-through route.

    They stand in the order in which they match."""
    compiled = compile_or_exit(project)
    rows = [_COLUMNS]
    for composition in sorted(compiled.compositions, key=_static_first):
        rows.append(
            (
                composition.method,
                composition.path_text,
                f"composition {composition.name}",
                access_text(composition.access),
                ", ".join(composition.views),
                f"{composition.cache.ttl_seconds:g} s" if composition.cache else "",
                composition.scope if composition.cache else "",
                ", ".join(one_line(tag.source) for tag in composition.purges),
                _limits_of_composition(composition),
            )
        )
    for route in sorted(compiled.routes, key=lambda each: (-len(each.prefix), each.prefix)):
        stripped = ", prefix stripped" if route.strip else ""
        service = compiled.services[route.service]
        lent = service.additions if route.lends_credentials else None
        link = replace(service, compression=False, additions=lent)  # compression is for steps
        own = f" ({text})" if (text := service_text(link)) else ""
        ways = ", with WebSockets" if route.websocket else ""
        ways += ", for navigations" if route.navigation else ""
        answered_by = f"service {route.service}{own}{stripped}{ways}{_passing(route)}"
        purges = ", ".join(route.purges)
        access = access_text(route.access)
        limits = _limits_of_route(route)
        rows.append(("any", f"{route.prefix}/…", answered_by, access, "", "", "", purges, limits))
    if compiled.identity.sessions is not None:
        for path, method in OWN_METHODS.items():
            access = "authenticated" if path == USER_PATH else "public"
            rows.append((method, path, "the gateway", access, "", "", "", "", ""))
    rows.append(("GET", "/healthz", "the gateway", "public", "", "", "", "", ""))
    # One line each, however long: a terminal wraps by itself, and a pipe must not.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
    callers = list(caller_lines(compiled.identity))
    if callers:
        click.echo()
    for line in callers:
        click.echo(line)
    if compiled.limits:
        click.echo()
    for limit in compiled.limits:
        click.echo(f"limit by {limit_text(limit)}")
    if compiled.trusted_proxies is not None:
        click.echo(f"\n{proxies_text(compiled.trusted_proxies)}")


def _passing(route: Route) -> str:
    """What passes beside what all routes pass, and which pages may read it."""
    lists = {
        "forward": route.forward,
        "return": route.returned,
        "cookies": route.cookies,
        "expose": route.expose,
    }
    passing = "".join(f", {key} {' '.join(names)}" for key, names in lists.items() if names)
    pages = pages_text(route.cors)
    return f"{passing}, cors {pages}" if pages else passing


def _limits_of_composition(composition: Composition) -> str:
    deadline = f"deadline {seconds_text(composition.deadline_seconds)}"
    return ", ".join([deadline, *_own_limits(composition.limits)])


def _limits_of_route(route: Route) -> str:
    limits = [f"timeout {seconds_text(route.timeout_seconds)}"]
    if route.most_body_bytes is not None:
        limits.append(f"body {size_text(route.most_body_bytes)}")
    return ", ".join([*limits, *_own_limits(route.limits)])


def _own_limits(limits: Sequence[Limit]) -> list[str]:
    """Those of an endpoint, without those of the project."""
    return [short_limit_text(limit) for limit in limits if not limit.is_of_project]


def _static_first(composition: Composition) -> tuple[list[tuple[bool, str]], str]:
    """Sorts as the matcher decides: from left to right, a static segment before a param."""
    segments = composition.path_text.split("/")
    return [(segment.startswith("{"), segment) for segment in segments], composition.method
