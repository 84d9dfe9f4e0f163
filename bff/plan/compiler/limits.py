"""Compiles `limits` of `gateway.yaml`, of compositions and of routes.

A limit of `gateway.yaml` is one limit, whatever endpoint a request is for. One of an endpoint
counts for that endpoint alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bff.declarations.models.identity import IdentityDecl
from bff.declarations.models.limits import FAILED_CREDENTIALS, LimitDecl
from bff.plan.compiler.values import ExpressionScope, compile_single
from bff.plan.digests import digest_of
from bff.plan.model.expressions import Template
from bff.plan.model.limits import CountedBy, Limit
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, fits, may_be_null, union, without_null

_SCALAR: Final = union(t.STRING, t.NUMBER, t.BOOLEAN)
_WORDS: Final[dict[str, CountedBy]] = {
    "identity": "identity",
    "api_key": "api_key",
    "address": "address",
    FAILED_CREDENTIALS: "failed_credentials",
}

# Of one address, which a thousand phones may share whose tokens end. It bounds guessing, and the
# work that wrong credentials make: some 160 µs each.
_DEFAULT_FAILED: Final = LimitDecl.model_validate({"by": FAILED_CREDENTIALS, "rate": "600/minute"})


@dataclass(frozen=True, slots=True)
class ProjectLimits:
    """What `gateway.yaml` limits: the requests to every endpoint, and failed credentials.
    `namespace` keeps what is counted apart from that of other projects in the same Redis."""

    declared: tuple[Limit, ...]
    failed_credentials: Limit
    namespace: str
    has_api_keys: bool

    @property
    def of_endpoints(self) -> tuple[Limit, ...]:
        """Those that count requests."""
        return tuple(each for each in self.declared if each.by != "failed_credentials")


def compile_project_limits(
    scope: ExpressionScope, declared: Sequence[LimitDecl], namespace: str, identity: IdentityDecl
) -> ProjectLimits:
    """The limits of the project; `scope` has what their expressions see: `claims`."""
    # Where nothing is declared of callers, Python may identify them in any way.
    kinds = (identity.jwt, identity.introspection, identity.sessions)
    has_api_keys = identity.api_keys is not None or not any(kinds)
    _report_api_keys(scope, declared, ("limits",), has_api_keys=has_api_keys)
    compiled = _compile(scope, declared, ("limits",), (namespace,), ())
    failed = [each for each in compiled if each.by == "failed_credentials"]
    default = _limit(_DEFAULT_FAILED, FAILED_CREDENTIALS, None, (namespace,))
    failed_credentials = failed[0] if failed else default
    return ProjectLimits(compiled, failed_credentials, namespace, has_api_keys)


def compile_limits(
    scope: ExpressionScope,
    declared: Sequence[LimitDecl],
    path: Path,
    place: str,
    project: ProjectLimits,
) -> tuple[Limit, ...]:
    """The limits of an endpoint: the project's, and those that are declared at `path`. `scope` has
    what their expressions see; `place` names the endpoint."""
    for index, each in enumerate(declared):
        if each.knows("by") and each.by == FAILED_CREDENTIALS:
            scope.report(
                (*path, index, "by"), "failed credentials are counted for the whole project",
                "Write this limit in gateway.yaml, under `limits`.",
            )  # fmt: skip
    _report_api_keys(scope, declared, path, has_api_keys=project.has_api_keys)
    of_project = project.of_endpoints
    return (*of_project, *_compile(scope, declared, path, (project.namespace, place), of_project))


def _report_api_keys(
    scope: ExpressionScope, declared: Sequence[LimitDecl], path: Path, *, has_api_keys: bool
) -> None:
    for index, each in enumerate(declared):
        if not has_api_keys and each.knows("by") and each.by == "api_key":
            scope.report(
                (*path, index, "by"), "the project takes no API keys",
                "Declare identity.api_keys in gateway.yaml, or count by identity.",
            )  # fmt: skip


def _compile(
    scope: ExpressionScope,
    declared: Sequence[LimitDecl],
    path: Path,
    place: tuple[str, ...],
    before: Sequence[Limit],
) -> tuple[Limit, ...]:
    limits: list[Limit] = []
    names = Counter(each.by for each in before)
    for index, each in enumerate(declared):
        at = (*path, index)
        if not scope.knows(at) or not each.knows("by", "rate"):
            continue
        key = None if each.by in _WORDS else _compile_key(scope, each.by, (*at, "by"))
        by = _WORDS.get(each.by, "expression")
        names[by] += 1
        name = by if names[by] == 1 else f"{by}-{names[by]}"
        limits.append(_limit(each, name, key, place))
    return tuple(limits)


def _compile_key(scope: ExpressionScope, text: str, path: Path) -> Template:
    """What requests count by. Of claims that no schema describes, nothing is known here."""
    template = compile_single(scope, text, path)
    if template.type == t.ANYTHING:
        return template
    if not fits(without_null(template.type), _SCALAR):
        scope.report(
            path, f"requests can't be counted by {brief(template.type)}",
            "Name a text, a number or a boolean.",
        )  # fmt: skip
    elif may_be_null(template.type) or (
        template.reference is not None and template.reference.may_be_absent
    ):
        scope.report(
            path, "may be null, and null counts for nobody",
            "Give it a value for that case: ${claims.tenant || 'none'}.",
        )  # fmt: skip
    return template


def _limit(declared: LimitDecl, name: str, key: Template | None, place: tuple[str, ...]) -> Limit:
    is_exact = declared.exact or declared.by == FAILED_CREDENTIALS
    return Limit(
        name=name,
        by=_WORDS.get(declared.by, "expression"),
        key=key,
        count=declared.rate.requests,
        per_seconds=declared.rate.per_seconds,
        burst=declared.burst or declared.rate.requests,
        counting="sliding" if declared.window else "exact" if is_exact else "leased",
        without_redis=declared.without_redis,
        place="".join(place[1:]),
        digest=digest_of([*place, declared.model_dump()]),
    )
