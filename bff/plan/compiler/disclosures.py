"""Compiles what a service learns of who calls the gateway: headers by claims, and a token. Warns
where nobody may be known."""

from collections.abc import Sequence
from typing import Final, Literal

from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.service import ServiceFile
from bff.plan.compiler.additions import token_request
from bff.plan.compiler.roots import root_of_claims
from bff.plan.compiler.values import ExpressionScope, compile_value, is_constant, scope_within
from bff.plan.model.access import Access
from bff.plan.model.expressions import Template
from bff.plan.model.service import CallerHeader, Disclosure, TokenRequest
from bff.plan.model.steps import Step
from bff.plan.reporter import Path, Reporter
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, fits, union, without_null

_SCALAR: Final = union(t.STRING, t.NUMBER, t.BOOLEAN)
_SENDABLE: Final = union(_SCALAR, t.ListOf(_SCALAR))


def compile_disclosure(reporter: Reporter[ServiceFile], claims: t.ObjectOf) -> Disclosure | None:
    """What the service learns of the caller, whose claims have this type; None where that is
    nothing."""
    declared, document = reporter.document.model, reporter.document
    scope = scope_within(reporter, root_of_claims(claims))
    headers = tuple(
        CallerHeader(
            name,
            name.lower().encode(errors="replace"),  # what is no name is reported
            _compile_header(scope, text, ("caller_headers", name)),
        )
        for name, text in declared.caller_headers.items()
        if document.knows(("caller_headers", name))
    )
    auth = declared.auth
    token: Literal["relay"] | TokenRequest | None = None
    if auth is not None and auth.exchange is not None and document.is_sound(("auth",)):
        token = token_request(auth.exchange, auth.exchange.resource)
    elif auth is not None and auth.relay:
        token = "relay"  # noqa: S105  (no password)
    return Disclosure(headers, token) if headers or token is not None else None


def warn_of_nobody(
    reporter: Reporter[CompositionFile], access: Access, steps: Sequence[Step]
) -> None:
    """Warn of steps whose calls fail for a caller that nobody knows, where such a one may ask."""
    if access.kind != "public":
        return
    for step in steps:
        disclosure = step.operation.disclosure
        if disclosure is not None and disclosure.token is not None and step.when is None:
            reporter.warn(
                ("steps", step.name, "call"),
                f"{step.operation.service} wants the caller's token, and anyone may ask here",
                "Give the composition `access: authenticated`, or the step a `when` over claims.",
            )


def _compile_header(scope: ExpressionScope, text: str, path: Path) -> Template:
    before = len(scope.problems)
    template = compile_value(scope, text, path)
    if len(scope.problems) > before:
        return template
    if is_constant(template):
        scope.report(
            path, "this reads nothing of the caller, so it is always the same",
            "Name a claim, ${claims.sub}; or write it in `headers`.",
        )  # fmt: skip
    elif not fits(given := without_null(template.type), _SENDABLE):
        scope.report(
            path, f"{brief(given)} can't be in a header",
            "Name a text, a number or a boolean, or a list of such.",
        )  # fmt: skip
    return template
