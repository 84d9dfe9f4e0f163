"""Compiles `access` of compositions, routes and `defaults`."""

from collections.abc import Mapping, Sequence
from typing import Any

from bff.declarations.models.access import Access as AccessDecl
from bff.declarations.models.access import AccessRules, RolesDecl, ScopesDecl
from bff.declarations.models.gateway import GatewayFile
from bff.plan.compiler.conditions import compile_condition
from bff.plan.compiler.values import ExpressionScope
from bff.plan.model.access import NO_REQUIREMENT, Access, Requirement
from bff.plan.model.service import CompositionParam
from bff.plan.reporter import Path, Reporter


def compile_access(
    scope: ExpressionScope,
    declared: AccessDecl | None,
    path: Path,
    params: Sequence[CompositionParam] = (),
) -> Access:
    """The access that is declared at `path`. `scope` has what its condition sees, `params` are
    those of the composition."""
    if declared is None:  # what is wrong there is reported, and states something
        return Access(None if scope.knows(path) else "authenticated")
    if not isinstance(declared, AccessRules):
        return Access(declared)
    when = declared.when
    return Access(
        "authenticated",
        _requirement(declared.roles),
        _requirement(declared.scopes),
        None if when is None else compile_condition(scope, when, (*path, "when"), params),
    )


def warn_of_denied(reporter: Reporter[Any], access: Access, path: Path, at: Path) -> None:
    """Warn of an endpoint that nobody may call, since no file states its access. `path` is where
    that may stand, `at` what the warning points to."""
    if access.kind is None and reporter.knows(path):
        reporter.warn(
            at, "no access is stated, so nobody may call this: every request gets 401",
            "Write `access: authenticated`, or `access: public` where anyone may call it; for all"
            " that state none, `defaults: {access: authenticated}` in gateway.yaml.",
        )  # fmt: skip


def warn_of_denied_routes(reporter: Reporter[GatewayFile], of_routes: Mapping[str, Access]) -> None:
    """Warn of the routes that nobody may call."""
    for prefix, access in of_routes.items():
        at: Path = ("routes", prefix)
        warn_of_denied(reporter, access, (*at, "access"), at)


def _requirement(declared: RolesDecl | ScopesDecl | None) -> Requirement:
    return NO_REQUIREMENT if declared is None else Requirement(declared.any, declared.all)
