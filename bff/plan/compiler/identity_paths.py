"""The paths on which the caller's identity reaches what a plan makes: they decide who may share it.

Rules:
1. Identity enters by a claim, by a header whose name stands for it (all of `params` holds such a
   header where one is declared), by what a step sends as such a header, unless it is constant, and
   by what a service learns of its caller: a token, and headers of claims.
2. It reaches a step by every expression that the step evaluates, and from there every step that
   reads its value.
3. It reaches the payload by a join, by the response and the forms of views, by the status and the
   headers, by the tags, and by every step that it reaches, read or not: the failure of that step
   decides what goes out.

Pure, on compiled nodes. Each path is a list of places, for people.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bff.plan.compiler.roots import CLAIMS
from bff.plan.model.caching import Tags
from bff.plan.model.composition import Composition
from bff.plan.model.expressions import Template
from bff.plan.model.payload import Join, ReplyHead, Shape, ShapeView, View
from bff.plan.model.service import CompositionParam
from bff.plan.model.steps import Step, StepExpression

# A header whose name says that its value identifies the caller.
_IDENTITY_HEADER = re.compile(
    r"auth|cookie|token|session|api-?key|user|identity|account|tenant|subject|client-cert"
    r"|jwt|bearer|credential|principal|login|customer|email|forwarded-for|-ip$"
)

IdentityPath = tuple[str, ...]  # ("claims.sub", "'user' (with.id)", "'orders' (when)", "response")
_Reads = Iterable[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class IdentityPaths:
    """The paths of identity to each step that it reaches, by the step's name, and to the
    payload."""

    steps: Mapping[str, IdentityPath]
    payload: IdentityPath | None


def find_identity_paths(
    params: Sequence[CompositionParam],
    steps: Sequence[Step],
    joins: Sequence[Join],
    payload: Shape,
    views: Mapping[str, View],
    tags: Sequence[Tags],
    head: ReplyHead | None = None,
) -> IdentityPaths:
    """The shortest path to each end in a composition of these parts."""
    shapes: dict[str, Shape | Template] = {"response": payload}
    shapes |= {
        f"views.{name}": view.shape for name, view in views.items() if isinstance(view, ShapeView)
    }
    if head is not None:
        shapes |= {"status": head.status}
        shapes |= {f"headers.{name}": template for name, template in head.headers.items()}
    headers = _identity_headers(params)
    reached = _reached_steps(steps, headers)
    direct: list[IdentityPath] = []
    for name, shape in shapes.items():
        direct += [(source, name) for source in _sources(shape.reads, headers)]
    for index, join in enumerate(joins):
        label = f"joins[{index}].from"
        direct += [(source, label, "response") for source in _sources(join.source.reads, headers)]
    for index, tag in enumerate(tags):
        direct += [(source, f"cache.tags[{index}]") for source in _sources(tag.reads, headers)]
    by_value = [
        (*reached[step.name], name)
        for step in steps
        if step.name in reached
        for name, shape in shapes.items()
        if step.name in shape.roots
    ]
    by_failure = [(*path, "response, by whether it fails") for path in reached.values()]
    found = [*direct, *by_value] or by_failure
    return IdentityPaths(reached, min(found, key=len, default=None))


def identity_paths_of(composition: Composition) -> IdentityPaths:
    """The paths in a compiled composition."""
    return find_identity_paths(
        composition.params,
        composition.steps,
        composition.joins,
        composition.payload,
        composition.views,
        composition.tags,
        composition.head,
    )


def path_to_request(params: Sequence[CompositionParam], step: Step) -> IdentityPath | None:
    """The path to the step's own requests. Values of other steps don't count: a reply depends on
    them through the request alone."""
    headers = _identity_headers(params)
    if (disclosed := _disclosed(step)) is not None:
        return disclosed
    each = step.for_each
    for sent in step.expressions():
        if sent.sent_as is None:
            continue
        reads = set(sent.template.reads)
        if each is not None and each.as_name in sent.template.roots:
            reads |= each.over.reads
        if sources := [*_sources(reads, headers), *_sent(sent)]:
            return sources[0], f"'{step.name}' ({sent.label})"
    return None


def _identity_headers(params: Iterable[CompositionParam]) -> Mapping[str, str]:
    """The names of the headers that identify the caller, by the names of their params."""
    return {
        param.name: param.wire_name
        for param in params
        if param.location == "header" and _IDENTITY_HEADER.search(param.wire_name)
    }


def _reached_steps(steps: Sequence[Step], headers: Mapping[str, str]) -> dict[str, IdentityPath]:
    reached: dict[str, IdentityPath] = {}
    for step in steps:
        paths: list[IdentityPath] = [
            (source, f"'{step.name}' ({each.label})")
            for each in step.expressions()
            for source in (*_sources(each.template.reads, headers), *_sent(each))
        ]
        if (disclosed := _disclosed(step)) is not None:
            paths.append(disclosed)
        if step.cache is not None and step.cache.scope == "identity":
            paths.append(("scope: identity", f"'{step.name}' (cache)"))
        if paths:
            reached[step.name] = paths[0]
    while True:  # each round goes one step further, so the first path that is found is a shortest
        found = {
            step.name: path
            for step in steps
            if step.name not in reached and (path := _path_through(step, reached)) is not None
        }
        if not found:
            return reached
        reached |= found


def _disclosed(step: Step) -> IdentityPath | None:
    """The path of what the step's service learns of the caller."""
    disclosure = step.operation.disclosure
    if disclosure is None:
        return None
    if disclosure.token is not None:
        return "the caller's token", f"'{step.name}' (auth)"
    header = disclosure.headers[0]
    return header.template.source, f"'{step.name}' (caller_headers.{header.name})"


def _path_through(step: Step, reached: Mapping[str, IdentityPath]) -> IdentityPath | None:
    for each in step.expressions():
        for root in sorted(each.template.roots & reached.keys()):
            return (*reached[root], f"'{step.name}' ({each.label})")
    return None


def _sources(reads: _Reads, headers: Mapping[str, str]) -> list[str]:
    """Which of the reads identify the caller."""
    found: list[str] = []
    for path in sorted(reads):
        if path[0] == CLAIMS:
            found.append(".".join(path))
        elif path == ("params",) and headers:
            found.append("params")
        elif path[0] == "params" and len(path) > 1 and path[1] in headers:
            found.append(f"the header {headers[path[1]]}")
    return found


def _sent(expression: StepExpression) -> list[str]:
    """The header that the expression is sent as, where that header identifies the caller."""
    param, is_constant = expression.sent_as, not expression.template.roots
    if param is None or param.location != "header" or is_constant:
        return []
    is_identity = _IDENTITY_HEADER.search(param.wire_name) is not None
    return [f"what is sent as {param.wire_name}"] if is_identity else []
