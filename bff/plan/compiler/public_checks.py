"""Whether everyone may share what is declared `scope: public`, by the paths of the plan."""

from collections.abc import Sequence
from typing import Any

from bff.declarations.models.caching import CacheDecl
from bff.declarations.models.composition import CompositionFile
from bff.plan.compiler.identity_paths import IdentityPath, path_to_request
from bff.plan.compiler.services import Services
from bff.plan.model.service import CompositionParam
from bff.plan.model.steps import Step
from bff.plan.reporter import Path, Reporter


def check_public_scopes(
    reporter: Reporter[CompositionFile],
    params: Sequence[CompositionParam],
    steps: Sequence[Step],
    path_to_payload: IdentityPath | None,
    services: Services,
) -> None:
    """Report each `scope: public`, of the payload and of the replies that it is made of, that the
    caller's identity reaches."""
    declared = reporter.document.model
    if path_to_payload is not None and _is_public(declared.cache):
        _report(reporter, ("cache",), "the payload", path_to_payload)
    for step in steps:
        path = path_to_request(params, step)
        own = declared.steps[step.name].cache
        if path is None or step.cache is None or step.operation.disclosure is not None:
            continue  # of what a service learns of the caller, the `cache` itself is reported
        if own is not None:
            if _is_public(own):
                _report(reporter, ("steps", step.name, "cache"), "the request", path)
            continue
        if step.cache is not services.caching.get(step.operation.name):
            continue
        service, _, name = step.operation.name.partition(".")
        described = services.documents[service]
        if _is_public(described.model.operations[name].cache):
            what = f"the request of {reporter.document.file}"
            of_service = Reporter(described, reporter.problems)
            _report(of_service, ("operations", name, "cache"), what, path)


def _is_public(declared: CacheDecl | None) -> bool:
    return declared is not None and declared.scope == "public"


def _report(reporter: Reporter[Any], at: Path, what: str, path: IdentityPath) -> None:
    reporter.report(
        (*at, "scope"), f"the caller's identity reaches {what}: {' → '.join(path)}",
        f"Leave `scope` out, or keep {path[0]} away from there.",
    )  # fmt: skip
