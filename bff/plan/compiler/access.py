"""Compiles `access` of compositions, routes and `defaults`."""

from bff.declarations.models.access import Access as AccessDecl
from bff.declarations.models.access import AccessRules, RolesDecl, ScopesDecl
from bff.plan.compiler.values import ExpressionScope, compile_single
from bff.plan.model.access import NO_REQUIREMENT, Access, Requirement
from bff.plan.reporter import Path


def compile_access(scope: ExpressionScope, declared: AccessDecl | None, path: Path) -> Access:
    """The access that is declared at `path`. `scope` has what its condition sees."""
    if declared is None:
        return Access(None)
    if not isinstance(declared, AccessRules):
        return Access(declared)
    when = declared.when
    return Access(
        "authenticated",
        _requirement(declared.roles),
        _requirement(declared.scopes),
        None if when is None else compile_single(scope, when, (*path, "when")),
    )


def _requirement(declared: RolesDecl | ScopesDecl | None) -> Requirement:
    return NO_REQUIREMENT if declared is None else Requirement(declared.any, declared.all)
