"""The values that the labels of metrics may have in a release. A series with other values has
ended."""

from collections.abc import Collection, Iterable, Iterator
from urllib.parse import urlsplit

from bff.plan.model.composition import CompiledProject, Composition
from bff.plan.model.identity import IdentityPlan
from bff.plan.model.limits import Limit
from bff.plan.model.service import Service, TokenRequest
from bff.telemetry.metrics.families import Domains, Labels
from bff.upstream.ports import server_at

_BY_FIELDS = "fields"  # the view of requests that name fields


def label_domains(project: CompiledProject, http_routes: Iterable[str]) -> Domains:
    """The domains of a project's labels. `http_routes` are the templates of all that is served."""
    compositions, services = project.compositions, project.services.values()
    servers = {each.name: frozenset(_servers(each)) for each in services}
    domains: dict[Labels, Collection[Labels]] = {
        ("composition",): _each(each.name for each in compositions),
        ("composition", "view"): frozenset(
            (each.name, view) for each in compositions for view in _views(each)
        ),
        ("composition", "step"): frozenset(
            (each.name, step.name) for each in compositions for step in each.steps
        ),
        ("service",): _each(servers),
        ("service", "operation"): frozenset(
            (step.operation.service, step.operation.name)
            for each in compositions
            for step in each.steps
        ),
        ("service", "server_address", "server_port"): frozenset(
            (name, *server) for name, own in servers.items() for server in own
        ),
        ("server_address", "server_port"): frozenset().union(*servers.values()),
        ("issuer",): _each(_issuers(project.identity)),
        ("http_route",): _each(http_routes),
        ("limit",): _each(each.title for each in _limits(project)),
    }
    return domains


def _each(values: Iterable[str]) -> frozenset[Labels]:
    return frozenset((each,) for each in values)


def _views(composition: Composition) -> Iterator[str]:
    yield from composition.views
    yield _BY_FIELDS


def _issuers(identity: IdentityPlan) -> Iterator[str]:
    yield from (each.issuer for each in identity.jwt)
    for each in (identity.sessions, identity.introspection):
        if each is not None:
            yield each.issuer


def _limits(project: CompiledProject) -> Iterator[Limit]:
    yield from project.limits
    for composition in project.compositions:
        yield from composition.limits
    for route in project.routes:
        yield from route.limits
    if project.failed_credentials is not None:
        yield project.failed_credentials


def _servers(service: Service) -> Iterator[Labels]:
    """The servers that the service's calls go to, with those for its tokens."""
    token = None if service.disclosure is None else service.disclosure.token
    requests = [None if service.additions is None else service.additions.tokens, token]
    urls = [each.url for each in requests if isinstance(each, TokenRequest)]
    for base in (
        *service.instances,
        *("{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in urls),
    ):
        server = server_at(base)
        yield server.host, server.port
