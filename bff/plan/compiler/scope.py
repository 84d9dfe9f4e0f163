"""Who may share what a plan makes: the ways on which who is calling reaches it.

Rules:
1. Who is calling comes in by a claim, by a header whose name says so (all of `params` holds such a
   header where one is declared), and by what a step sends as such a header, unless it is constant.
2. It reaches a step by whatever is evaluated for that: `with`, `when`, `for_each`; and from there
   every step that reads its value.
3. It reaches the payload by a join, by the response and the forms of views, by the tags, and by
   every step that it reaches, read or not: whether that one fails decides what goes out.

Pure, on compiled nodes. What it finds is told with the way that it took, for people.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bff.plan.compiler.claims import CLAIMS
from bff.plan.model.caching import Tags
from bff.plan.model.composition import (
    Composition,
    Join,
    Shape,
    ShapeView,
    Step,
    StepExpression,
    View,
)
from bff.plan.model.service import CompositionParam

# A header whose name says that it tells who is calling.
_IDENTITY_HEADER = re.compile(
    r"auth|cookie|token|session|api-?key|user|identity|account|tenant|subject|client-cert"
    r"|jwt|bearer|credential|principal|login|customer|email|forwarded-for|-ip$"
)

IdentityPath = tuple[str, ...]  # ("claims.sub", "'user' (with.id)", "'orders' (when)", "response")
_Reads = Iterable[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class IdentityPaths:
    """The ways that who is calling takes: to each step that it reaches, by name, and to the
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
) -> IdentityPaths:
    """The ways in a composition, and of those to one end the shortest."""
    shapes = {"response": payload} | {
        f"views.{name}": view.shape for name, view in views.items() if isinstance(view, ShapeView)
    }
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
    by_failing = [(*way, "response, by whether it fails") for way in reached.values()]
    told = [*direct, *by_value] or by_failing
    return IdentityPaths(reached, min(told, key=len, default=None))


def identity_paths_of(composition: Composition) -> IdentityPaths:
    """The ways in a composition that is compiled."""
    return find_identity_paths(
        composition.params,
        composition.steps,
        composition.joins,
        composition.payload,
        composition.views,
        composition.tags,
    )


def way_to_request(params: Sequence[CompositionParam], step: Step) -> IdentityPath | None:
    """How who is calling stands in what the step sends, itself: not by another step's value, on
    which a reply depends through the request alone."""
    headers = _identity_headers(params)
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
    """The params that are headers which say who is calling, with the headers' own names."""
    return {
        param.name: param.wire_name
        for param in params
        if param.location == "header" and _IDENTITY_HEADER.search(param.wire_name)
    }


def _reached_steps(steps: Sequence[Step], headers: Mapping[str, str]) -> dict[str, IdentityPath]:
    reached: dict[str, IdentityPath] = {}
    for step in steps:
        ways = [
            (source, f"'{step.name}' ({each.label})")
            for each in step.expressions()
            for source in (*_sources(each.template.reads, headers), *_sent(each))
        ]
        if step.cache is not None and step.cache.scope == "identity":
            ways.append(("scope: identity", f"'{step.name}' (cache)"))
        if ways:
            reached[step.name] = ways[0]
    while True:  # each round goes one step further, so the first way that is found is a shortest
        found = {
            step.name: way
            for step in steps
            if step.name not in reached and (way := _way_through(step, reached)) is not None
        }
        if not found:
            return reached
        reached |= found


def _way_through(step: Step, reached: Mapping[str, IdentityPath]) -> IdentityPath | None:
    for each in step.expressions():
        for root in sorted(each.template.roots & reached.keys()):
            return (*reached[root], f"'{step.name}' ({each.label})")
    return None


def _sources(reads: _Reads, headers: Mapping[str, str]) -> list[str]:
    """What of the reads says who is calling."""
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
    """The header that the expression is sent as, where that header names the caller."""
    param = expression.sent_as
    if param is None or param.location != "header" or not expression.template.roots:
        return []
    return (
        [f"what is sent as {param.wire_name}"] if _IDENTITY_HEADER.search(param.wire_name) else []
    )
