"""One composition, compiled: its passes in order, each reading what those before it made."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bff.declarations.documents import Document
from bff.declarations.forms import WRITING_METHODS
from bff.declarations.models import CompositionFile, GatewayDefaults, ShapeViewDecl
from bff.plan import nodes
from bff.plan import types as t
from bff.plan.joins import compile_joins
from bff.plan.masks import compile_mask
from bff.plan.params import compile_composition_params
from bff.plan.problems import Notebook, Path
from bff.plan.schemas import SchemaLibrary
from bff.plan.service_nodes import CompositionParam
from bff.plan.services import Services
from bff.plan.shapes import compile_shape
from bff.plan.steps import compile_steps, root_type
from bff.plan.values import Site
from bff.version import __version__

DEGRADED = t.ListOf(
    t.ObjectOf((("step", t.Field(t.STRING)), ("reason", t.Field(t.STRING))), name="Degraded")
)

# A header whose name says that it tells who is calling. Payloads that depend on one are not
# cached: nobody has said yet who may share them.
_IDENTITY_HEADER = re.compile(
    r"auth|cookie|token|session|api-?key|user|identity|account|tenant|subject|client-cert"
)


def compile_composition(
    name: str,
    document: Document[CompositionFile],
    services: Services,
    schemas: SchemaLibrary,
    defaults: GatewayDefaults,
    notebook: Notebook,
) -> nodes.Composition | None:
    """Compile one composition file; None when the notebook then holds problems, whatever of."""
    declared = document.model
    method, _, target = declared.endpoint.partition(" ")
    writes = method in WRITING_METHODS

    params = compile_composition_params(document, schemas, notebook)
    params_type = _params_type(document, params)
    steps = compile_steps(document, params_type, services, notebook)

    root = root_type(document, params_type, steps.types)
    joins, joined_types = compile_joins(document, notebook, steps.types, root)
    joined = root_type(document, params_type, joined_types)
    seen = (*joined.fields, ("degraded", t.Field(DEGRADED)))
    site = Site(document, notebook, replace(joined, fields=seen))
    targets = {join.into_step for join in joins}
    whole = {step.name: step.index for step in steps.steps if step.name not in targets}
    payload = compile_shape(site, _response(document), ("response",), whole)
    views = _compile_views(site, declared, payload, whole)
    if notebook.problems:
        return None

    own_forms = [view.shape for view in views.values() if isinstance(view, nodes.ShapeView)]
    shapes = [payload, *own_forms]
    finished = _with_needs(steps.steps, joins, shapes)
    key_reads = _key_reads(finished, joins, shapes)
    because = _identity_header(params, finished, key_reads)
    cacheable = declared.cache is not None and not writes and because is None
    return nodes.Composition(
        name=name,
        file=document.file,
        method=method,
        path=_split_endpoint(target, {param.name: param for param in params}),
        path_text=target,
        summary=declared.summary,
        params=params,
        deadline_seconds=declared.deadline or defaults.deadline,
        steps=finished,
        joins=joins,
        payload=payload,
        views=views,
        cache=nodes.CachePolicy(declared.cache.ttl) if cacheable and declared.cache else None,
        uncached_because=because if declared.cache is not None else None,
        key_reads=key_reads,
        digest=_digest(declared, finished, services),
        writes=writes,
    )


def _params_type(
    document: Document[CompositionFile], params: tuple[CompositionParam, ...]
) -> t.Type:
    if not document.knows(("params",)):
        return t.ANYTHING
    fields = tuple((param.name, t.Field(param.type)) for param in params)
    return t.ObjectOf(fields, name=t.PARAMS_NAME)


def _response(document: Document[CompositionFile]) -> object:
    """What `response:` says, or else every step that is not hidden, under its own name."""
    declared = document.model
    if "response" in declared.model_fields_set or not document.knows(("response",)):
        return declared.response
    return {name: f"${{{name}}}" for name, step in declared.steps.items() if not step.hidden}


def _compile_views(
    site: Site, declared: CompositionFile, payload: nodes.Shape, whole: Mapping[str, int]
) -> dict[str, nodes.View]:
    views: dict[str, nodes.View] = {}
    for name, view in declared.views.items():
        path: Path = ("views", name)
        if isinstance(view, ShapeViewDecl):
            shape = compile_shape(site, view.response, (*path, "response"), whole)
            views[name] = nodes.ShapeView(name, shape)
            continue
        views[name], problems = compile_mask(name, view, payload.type)
        for index, problem in problems:
            site.notebook.in_text(
                site.document, (*path, index), problem.offset, problem.what, problem.mend
            )
    return views


def _split_endpoint(
    target: str, params: Mapping[str, CompositionParam]
) -> tuple[str | CompositionParam, ...]:
    return tuple(
        params[segment[1:-1]] if segment.startswith("{") else segment
        for segment in target.split("/")[1:]
    )


# ------------------------------------------------------------------------------ what is read where


def _with_needs(
    steps: tuple[nodes.Step, ...], joins: tuple[nodes.Join, ...], shapes: list[nodes.Shape]
) -> tuple[nodes.Step, ...]:
    """The steps, told whether their JSON form is read and whether they are spliced."""
    read: set[str] = {join.into_step for join in joins}
    for template in _templates(steps, joins, shapes):
        read |= template.roots
    spliced = {
        segment.step
        for shape in shapes
        for segment in shape.segments
        if isinstance(segment, nodes.Splice)
    }
    return tuple(
        replace(step, needs_json=step.name in read, needs_bytes=step.index in spliced)
        for step in steps
    )


def _templates(
    steps: tuple[nodes.Step, ...], joins: tuple[nodes.Join, ...], shapes: list[nodes.Shape]
) -> Iterable[nodes.Template]:
    for step in steps:
        yield from (each.template for each in step.bindings if each.template is not None)
        if step.when is not None:
            yield step.when
        if step.for_each is not None:
            yield step.for_each.over
    yield from (join.source for join in joins)
    for shape in shapes:
        for segment in shape.segments:
            if isinstance(segment, nodes.Computed):
                yield segment.template


def _key_reads(
    steps: tuple[nodes.Step, ...], joins: tuple[nodes.Join, ...], shapes: list[nodes.Shape]
) -> frozenset[tuple[str, ...]]:
    """The inputs that reach the payload by any path: `("params", "user_id")`."""
    inputs = {
        path[:2]
        for template in _templates(steps, joins, shapes)
        for path in template.reads
        if path[0] == "params"
    }
    return frozenset({("params",)} if ("params",) in inputs else inputs)


def _identity_header(
    params: tuple[CompositionParam, ...],
    steps: tuple[nodes.Step, ...],
    key_reads: frozenset[tuple[str, ...]],
) -> str | None:
    """Why the payload may be one caller's own: an identity header that reaches it."""
    for param in params:
        reaches = ("params",) in key_reads or ("params", param.name) in key_reads
        if param.location == "header" and reaches and _IDENTITY_HEADER.search(param.wire_name):
            return f"the header {param.wire_name} says who is calling, and reaches the payload"
    for step in steps:
        for binding in step.bindings:
            header = binding.param
            if (
                header.location == "header"
                and binding.template is not None
                and binding.template.roots
                and _IDENTITY_HEADER.search(header.wire_name)
            ):
                return f"{step.name} sends the header {header.wire_name}, which says who is calling"
    return None


def _digest(declared: CompositionFile, steps: tuple[nodes.Step, ...], services: Services) -> str:
    """Changes whenever anything that shapes the payload does: files, schemas, instances, us."""
    used = {step.operation.name: step.operation for step in steps}
    whole = {
        "bff": __version__,
        "composition": declared.model_dump(mode="json", by_alias=True),
        "operations": {
            name: [
                services.declared[name].model_dump(mode="json", by_alias=True),
                operation.returns.digest,
                services.services[operation.service].instances,
            ]
            for name, operation in sorted(used.items())
        },
    }
    text = json.dumps(whole, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()
