"""Compiles one composition, in passes; each reads the results of those before it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from bff.declarations.documents import Document
from bff.declarations.models.access import CorsDecl
from bff.declarations.models.composition import CompositionFile, ShapeViewDecl
from bff.declarations.models.endpoint import REST
from bff.declarations.models.gateway import GatewayDefaults
from bff.plan.compiler.access import compile_access, warn_of_denied
from bff.plan.compiler.api_keys import report_key_params
from bff.plan.compiler.budgets import compile_budget
from bff.plan.compiler.caching import compile_policy, warn_of_traces
from bff.plan.compiler.caller_credentials import credentials_of
from bff.plan.compiler.cors import compile_cors
from bff.plan.compiler.disclosures import warn_of_nobody
from bff.plan.compiler.heads import compile_head
from bff.plan.compiler.identity import CompiledIdentity
from bff.plan.compiler.identity_paths import find_identity_paths
from bff.plan.compiler.joins import compile_joins
from bff.plan.compiler.limits import ProjectLimits, compile_limits
from bff.plan.compiler.masks import compile_mask, selectable_fields
from bff.plan.compiler.public_checks import check_public_scopes
from bff.plan.compiler.reads import Readers, key_reads, with_needs
from bff.plan.compiler.roots import (
    CLAIMS,
    root_of_access,
    root_of_responses,
    root_of_steps,
    type_of_params,
)
from bff.plan.compiler.services import Services
from bff.plan.compiler.shapes import compile_shape
from bff.plan.compiler.slo import compile_slo
from bff.plan.compiler.steps import compile_steps
from bff.plan.compiler.tags import compile_tags
from bff.plan.compiler.used_replies import narrow_steps
from bff.plan.compiler.values import ExpressionScope, scope_within
from bff.plan.digests import digest_of
from bff.plan.model.access import Access
from bff.plan.model.composition import Composition
from bff.plan.model.limits import Limit
from bff.plan.model.payload import Shape, ShapeView, View
from bff.plan.model.service import CompositionParam
from bff.plan.model.steps import Step
from bff.plan.params.bodies import body_format
from bff.plan.params.compile import compile_composition_params
from bff.plan.reporter import Path, Reporter
from bff.plan.schemas.library import SchemaLibrary
from bff.plan.types import kinds as t
from bff.version import __version__


@dataclass(frozen=True, slots=True)
class Defaults:
    """What compositions get of `gateway.yaml`."""

    declared: GatewayDefaults
    access: Access
    identity: CompiledIdentity
    cors: CorsDecl
    limits: ProjectLimits


def compile_composition(
    name: str,
    reporter: Reporter[CompositionFile],
    services: Services,
    schemas: SchemaLibrary,
    defaults: Defaults,
    namespace: str,
    redirect_origins: Collection[str] | None = (),
) -> Composition | None:
    """Compile one composition file. Returns None where the project has any problem by then.
    `redirect_origins` is None where they are not known."""
    document = reporter.document
    declared = document.model
    method, _, target = declared.endpoint.partition(" ")
    cache = declared.cache

    params = compile_composition_params(reporter, schemas)
    report_key_params(reporter, params, defaults.identity.plan.api_keys)
    params_type = type_of_params(document, params)
    access = _compile_access(reporter, params, defaults)
    limits = _compile_limits(reporter, params, access, defaults)
    inputs = {"params": params_type, CLAIMS: defaults.identity.claims_at(access)}
    steps = compile_steps(reporter, inputs, services)
    budget = compile_budget(reporter, steps.steps, defaults.declared)
    slo = compile_slo(reporter, defaults.declared)

    unjoined = scope_within(reporter, root_of_steps(document, inputs, steps.types, steps.headers))
    joins, joined_types = compile_joins(unjoined, steps.types)
    joined = replace(unjoined, root=root_of_steps(document, inputs, joined_types, steps.headers))
    scope = replace(joined, root=root_of_responses(joined.root))
    targets = {join.into_step for join in joins}
    whole = {step.name: step.index for step in steps.steps if step.name not in targets}
    payload = compile_shape(scope, _response(document), ("response",), whole)
    views = _compile_views(scope, declared, payload, whole)
    cors = compile_cors(reporter, defaults.cors, declared.cors, ("cors",))
    head = compile_head(scope, declared, redirect_origins)
    # Tags don't see `degraded`: a degraded payload is not stored.
    tags = () if cache is None else compile_tags(joined, cache.tags, ("cache", "tags"))
    purges = compile_tags(joined, declared.purges, ("purges",))
    paths = find_identity_paths(params, steps.steps, joins, payload, views, tags, head)
    check_public_scopes(reporter, params, steps.steps, paths.payload, services)
    warn_of_nobody(reporter, access, steps.steps)
    if reporter.problems:
        return None

    own_forms = [view.shape for view in views.values() if isinstance(view, ShapeView)]
    templates = () if head is None else head.templates
    readers = Readers(steps.steps, joins, (payload, *own_forms), tags, purges, templates)
    reads = key_reads(readers)
    if cache is not None:
        warn_of_traces(reporter, params, reads)
    is_public = cache is not None and cache.scope == "public"
    purges_by_claim = any(path[0] == CLAIMS for each in purges for path in each.reads)
    is_shared = (
        paths.payload is None
        and not purges_by_claim
        and (cache is None or cache.scope != "identity")
    )
    in_part = {
        name
        for name, step in declared.steps.items()
        if (step.validate_ or declared.validate_) == "used"
    }
    readers = replace(readers, steps=narrow_steps(readers, in_part))
    finished = tuple(
        replace(
            step,
            scope="identity" if step.name in paths.steps else "public",
            credentials=credentials_of(params, step),
        )
        for step in with_needs(readers)
    )
    return Composition(
        name=name,
        file=document.file,
        method=method,
        path=_split_endpoint(target, {param.name: param for param in params}),
        path_text=target,
        summary=declared.summary,
        access=access,
        limits=limits,
        params=params,
        body=body_format(declared.params, declared.locations(), declared.content_type),
        deadline_seconds=declared.deadline or defaults.declared.deadline,
        budget=budget,
        slo=slo,
        steps=finished,
        joins=joins,
        payload=payload,
        views=views,
        cache=None if cache is None else compile_policy(cache),
        scope="public" if is_shared else "identity",
        is_public=is_public,
        tags=tags,
        purges=purges,
        fields=None
        if declared.fields is None
        else selectable_fields(payload.type, declared.fields.max),
        key_reads=reads,
        digest=_digest(declared, finished, redirect_origins),
        namespace=namespace,
        writes=declared.effect == "writes",
        head=head,
        cors=cors,
    )


def _compile_access(
    reporter: Reporter[CompositionFile], params: Sequence[CompositionParam], defaults: Defaults
) -> Access:
    declared = reporter.document.model.access
    if declared is None:
        warn_of_denied(reporter, defaults.access, ("access",), ("endpoint",))
        return defaults.access
    root = root_of_access(type_of_params(reporter.document, params), defaults.identity.claims)
    return compile_access(scope_within(reporter, root), declared, ("access",), params)


def _compile_limits(
    reporter: Reporter[CompositionFile],
    params: Sequence[CompositionParam],
    access: Access,
    defaults: Defaults,
) -> tuple[Limit, ...]:
    document = reporter.document
    scope = _scope_before_bodies(reporter, params, defaults.identity.claims_at(access))
    return compile_limits(scope, document.model.limits, ("limits",), document.file, defaults.limits)


def _scope_before_bodies(
    reporter: Reporter[CompositionFile], params: Sequence[CompositionParam], claims: t.ObjectOf
) -> ExpressionScope:
    """What expressions see that are evaluated before a request's body is read."""
    read_first = [each for each in params if each.location not in ("body", "form")]
    root = root_of_access(type_of_params(reporter.document, read_first), claims)
    return scope_within(reporter, root)


def _response(document: Document[CompositionFile]) -> object:
    """The declared response, or else every step that is not hidden, under its own name."""
    declared = document.model
    if declared.status == 204:  # it has no body
        return None
    if "response" in declared.model_fields_set or not document.knows(("response",)):
        return declared.response
    return {name: f"${{{name}}}" for name, step in declared.steps.items() if not step.hidden}


def _compile_views(
    scope: ExpressionScope,
    declared: CompositionFile,
    payload: Shape,
    whole: Mapping[str, int],
) -> dict[str, View]:
    views: dict[str, View] = {}
    if declared.status == 204:  # a view is a problem there
        return views
    for name, view in declared.views.items():
        path: Path = ("views", name)
        if isinstance(view, ShapeViewDecl):
            shape = compile_shape(scope, view.response, (*path, "response"), whole)
            views[name] = ShapeView(name, shape)
            continue
        views[name], problems = compile_mask(name, view, payload.type)
        for index, problem in problems:
            scope.report_in_text((*path, index), problem.offset, problem.what, problem.mend)
    return views


def _split_endpoint(
    target: str, params: Mapping[str, CompositionParam]
) -> tuple[str | CompositionParam, ...]:
    return tuple(
        params[segment[1:-1].removesuffix(REST)] if segment.startswith("{") else segment
        for segment in target.split("/")[1:]
    )


def _digest(
    declared: CompositionFile, steps: tuple[Step, ...], redirect_origins: Collection[str] | None
) -> str:
    """Changes whenever anything that shapes the payload changes: files, schemas, the gateway."""
    used = {step.operation.name: step.operation for step in steps}
    return digest_of(
        {
            "bff": __version__,
            "composition": declared.model_dump(
                mode="json", by_alias=True, exclude={"limits", "slo"}
            ),
            "operations": {name: operation.digest for name, operation in used.items()},
            # a stored Location must not outlive the list that let it out
            "redirect_origins": sorted(redirect_origins or ()) if declared.headers else [],
        }
    )
