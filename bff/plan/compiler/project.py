"""From a project's folder to its plan, in named passes; all problems are reported together.

    read_project          files to frozen declarations, with positions
    load_schemas          the project's own pydantic modules
    compile_identity      who callers are: the type of their claims
    compile_services      operations, their params and what they return
    compile_composition   each composition: params, steps, joins, response, views
    finish                routes, CORS, digests

Pure but for reading the project's files and importing its schema modules. Not thread-safe while
schemas are being imported; the result is immutable and may be shared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Final

from bff.declarations.documents import Wanted
from bff.declarations.models.access import CorsDecl
from bff.declarations.models.trusted_proxies import UNIX, TrustedProxiesDecl, network_of
from bff.declarations.project import ProjectFiles, read_project
from bff.environment import Environment
from bff.errors import Problem, ProjectError
from bff.plan.compiler.access import compile_access, warn_of_denied_routes
from bff.plan.compiler.compositions import Defaults, compile_composition
from bff.plan.compiler.conflicts import (
    report_disclosures,
    report_endpoints,
    report_lent_credentials,
    report_navigations,
    report_routes,
    report_websockets,
)
from bff.plan.compiler.cors import compile_cors, report_needs_of_origins
from bff.plan.compiler.identity import compile_identity
from bff.plan.compiler.limits import compile_limits, compile_project_limits
from bff.plan.compiler.roots import root_of_claims
from bff.plan.compiler.services import compile_services
from bff.plan.compiler.values import scope_within
from bff.plan.digests import digest_of
from bff.plan.model.access import Access
from bff.plan.model.composition import CompiledProject, Composition, Route, TrustedProxies
from bff.plan.reporter import Reporter
from bff.plan.schemas.library import SchemaLibrary, load_schemas
from bff.version import __version__

_RELEASE_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check: every problem, sorted; the plan only when there is none."""

    project: CompiledProject | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]  # sorted; what compiles, and may yet be a mistake
    compositions: int  # declared
    operations: int  # declared
    wanted: tuple[Wanted, ...]  # of the environment, where none was given; sorted

    def strict(self) -> "CheckResult":
        """The same where each warning is a problem."""
        if not self.warnings:
            return self
        problems = tuple(sorted({*self.problems, *self.warnings}))
        return replace(self, project=None, problems=problems, warnings=())


def compile_project(folder: FilePath, environment: Environment | None = None) -> CompiledProject:
    """The project in `folder`, compiled. Raises `ProjectError` with every problem. Without an
    environment, values that have no default are left out of it: it can be shown, and not served."""
    checked = check_project(folder, environment)
    if checked.project is None:
        raise ProjectError(checked.problems)
    return checked.project


def check_project(
    folder: FilePath, environment: Environment | None = None, app_guards: Sequence[str] = ()
) -> CheckResult:
    """Compile everything and report everything; raises nothing for a broken project. `app_guards`
    are the hooks of the app that the gateway is mounted in, where they see every request."""
    files = read_project(folder, environment)
    schemas = load_schemas(folder)
    problems = [*files.problems, *schemas.problems]
    warnings: list[Problem] = []
    gateway = files.gateway.model
    namespace = gateway.cache.namespace or _namespace(files)
    knows_origins = files.gateway.is_sound(("redirect_origins",))
    redirect_origins = gateway.redirect_origins if knows_origins else None
    of_gateway = Reporter(files.gateway, problems, warnings=warnings)
    identity = compile_identity(of_gateway, schemas, namespace, folder)
    of_anybody = identity.claims_at(Access("public"))
    services = compile_services(files, schemas, problems, warnings, namespace, of_anybody)
    of_claims = scope_within(of_gateway, root_of_claims(identity.claims))
    default_access = compile_access(of_claims, gateway.defaults.access, ("defaults", "access"))
    cors = compile_cors(of_gateway, CorsDecl(), gateway.cors, ("cors",))
    limits = compile_project_limits(
        replace(of_claims, root=root_of_claims(of_anybody)),
        gateway.limits,
        namespace,
        gateway.identity,
    )
    defaults = Defaults(gateway.defaults, default_access, identity, gateway.cors, limits)
    of_routes = {
        prefix: default_access
        if route.access is None
        else compile_access(of_claims, route.access, ("routes", prefix, "access"))
        for prefix, route in gateway.routes.items()
    }
    cors_of_routes = {
        prefix: compile_cors(of_gateway, gateway.cors, route.cors, ("routes", prefix, "cors"))
        for prefix, route in gateway.routes.items()
    }
    limits_of_routes = {
        prefix: compile_limits(
            replace(of_claims, root=root_of_claims(identity.claims_at(of_routes[prefix]))),
            route.limits,
            ("routes", prefix, "limits"),
            prefix,
            limits,
        )
        for prefix, route in gateway.routes.items()
    }
    compositions: list[Composition] = []
    for name, document in sorted(files.compositions.items()):
        compiled = compile_composition(
            name,
            Reporter(document, problems, warnings=warnings),
            services,
            schemas,
            defaults,
            namespace,
            redirect_origins,
        )
        if compiled is not None:
            compositions.append(compiled)
    report_endpoints(files.compositions.values(), problems)
    warn_of_denied_routes(of_gateway, of_routes)
    report_routes(of_gateway, {*services.services, *services.unread})
    report_lent_credentials(of_gateway, services.documents, of_routes)
    report_disclosures(of_gateway, services.documents, of_routes)
    report_needs_of_origins(of_gateway)
    report_navigations(of_gateway)
    report_websockets(of_gateway, services.services, app_guards)
    project = None
    if not problems:
        routes = tuple(
            Route(
                prefix.rstrip("/"),
                route.service,
                route.strip,
                route.purges,
                of_routes[prefix],
                route.max_body,
                route.timeout or services.services[route.service].timeout_seconds,
                route.websocket,
                route.credentials == "service",
                tuple(name.lower() for name in route.forward),
                tuple(name.lower() for name in route.return_),
                route.cookies,
                route.expose,
                cors_of_routes[prefix],
                limits_of_routes[prefix],
                route.navigation,
            )
            for prefix, route in sorted(gateway.routes.items())
        )
        project = CompiledProject(
            name=folder.resolve().name,
            services=services.services,
            compositions=tuple(compositions),
            routes=routes,
            cors=cors,
            release=_release(files, schemas),
            namespace=namespace,
            identity=identity.plan,
            limits=limits.declared,
            failed_credentials=limits.failed_credentials,
            wanted=tuple(dict.fromkeys(each.name for each in files.wanted)),
            trusted_proxies=_trusted_proxies(gateway.trusted_proxies),
        )
    return CheckResult(
        project,
        tuple(sorted(set(problems))),
        tuple(sorted(set(warnings))),
        len(files.compositions),
        len(services.operations),
        files.wanted,
    )


def _trusted_proxies(declared: TrustedProxiesDecl | None) -> TrustedProxies | None:
    if declared is None:
        return None
    return TrustedProxies(
        tuple(network_of(each) for each in declared.addresses if each != UNIX),
        UNIX in declared.addresses,
        declared.hops,
        frozenset(each.lower() for each in declared.headers),
    )


def _release(files: ProjectFiles, schemas: SchemaLibrary) -> str:
    """A digest of what the files say. They name the environment's values and don't have them."""
    documents = (files.gateway, *files.services.values(), *files.compositions.values())
    texts = {each.file: each.text for each in documents}
    of_modules = schemas.anything.digest  # each schema's has the texts of all modules
    return digest_of([__version__, texts, of_modules])[:_RELEASE_DIGITS]


def _namespace(files: ProjectFiles) -> str:
    """A digest of the declared addresses: environments that share a store differ in these."""
    return digest_of({name: each.model.instance_urls for name, each in files.services.items()})
