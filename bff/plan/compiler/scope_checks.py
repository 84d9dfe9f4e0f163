"""Whether what is declared `scope: public` is everyone's, as the plan has it."""

from collections.abc import Sequence
from typing import Any

from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.composition import CompositionFile
from bff.plan.compiler.scope import IdentityPath, way_to_request
from bff.plan.compiler.services import Services
from bff.plan.model.composition import Step
from bff.plan.model.service import CompositionParam
from bff.plan.reporter import Path, Reporter


def check_scopes(
    reporter: Reporter[CompositionFile],
    params: Sequence[CompositionParam],
    steps: Sequence[Step],
    way_to_payload: IdentityPath | None,
    services: Services,
) -> None:
    """Report each `scope: public`, of the payload and of the replies that it is made of, that who
    is calling reaches."""
    declared = reporter.document.model
    if way_to_payload is not None and _is_public(declared.cache):
        _report(reporter, ("cache",), "the payload", way_to_payload)
    for step in steps:
        way = way_to_request(params, step)
        own = declared.steps[step.name].cache
        if way is None or step.cache is None:
            continue
        if own is not None:
            if _is_public(own):
                _report(reporter, ("steps", step.name, "cache"), "the request", way)
            continue
        if step.cache is not services.caching.get(step.operation.name):
            continue
        service, _, name = step.operation.name.partition(".")
        described = services.documents[service]
        if _is_public(described.model.operations[name].cache):
            what = f"the request of {reporter.document.file}"
            of_service = Reporter(described, reporter.problems)
            _report(of_service, ("operations", name, "cache"), what, way)


def _is_public(declared: CacheDecl | None) -> bool:
    return declared is not None and declared.scope == "public"


def _report(reporter: Reporter[Any], path: Path, what: str, way: IdentityPath) -> None:
    reporter.report(
        (*path, "scope"), f"who is calling reaches {what}: {' → '.join(way)}",
        f"Leave `scope` out, or keep {way[0]} away from there.",
    )  # fmt: skip
