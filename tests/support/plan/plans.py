"""Compiled plans, built by hand for tests of what runs them.

    compose(
        step("user", "GET /users/{id}", {"id": "params.user_id"}),
        step("orders", "GET /orders", {"user": "user.id"}, on_failure=Optional()),
        response={"who": "user.name", "orders": "orders"},
    )

Values of `with_` are expressions as texts, or `constant(…)`. A step waits for what its expressions
name. A response that is a step's name alone is spliced, unless a join goes into that step.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bff.plan.model.access import Access
from bff.plan.model.caching import ReplyCaching
from bff.plan.model.composition import Composition
from bff.plan.model.expressions import Template
from bff.plan.model.payload import (
    ByFields,
    ByKey,
    Computed,
    Join,
    Segment,
    Shape,
    ShapeView,
    Splice,
    Text,
)
from bff.plan.model.service import Operation, OperationParam, Service
from bff.plan.model.steps import Batch, Binding, Fail, ForEach, OnFailure, Pages, Step
from bff.plan.types.kinds import ANYTHING
from tests.support.plan.operations import operation, param
from tests.support.plan.templates import constant, expression

__all__ = [
    "SERVICES", "Draft", "batch", "compose", "constant", "expression", "for_each", "join",
    "operation", "param", "step",
]  # fmt: skip

SERVICES = {"upstream": Service("upstream", ("http://upstream.test",), 10.0)}


def step(
    name: str,
    request: str | Operation,
    with_: Mapping[str, str | Template] | None = None,
    *,
    params: Sequence[OperationParam] = (),
    returns: Any = Any,
    after: Sequence[str] = (),
    when: str | Template | None = None,
    batch: Batch | None = None,
    for_each: ForEach | None = None,
    pages: Pages | None = None,
    statuses: Mapping[int, Any] | None = None,
    on_failure: OnFailure | None = None,
    timeout: float = 10.0,
    cache: ReplyCaching | None = None,
) -> "Draft":
    """A step, before it is known which place it has among the others."""
    bound = {key: _template(value) for key, value in (with_ or {}).items()}
    if isinstance(request, str):
        path_names = re.findall(r"\{(\w+)\}", request)
        named = {each.name for each in params} | set(path_names)
        others = [param(key) for key in bound if key not in named]
        request = operation(request, *params, *others, returns=returns)
    built = Step(
        name=name,
        index=0,
        operation=request,
        reads_part=False,
        bindings=tuple(Binding(each, bound.get(each.name)) for each in request.params),
        when=None if when is None else _template(when),
        batch=batch,
        for_each=for_each,
        pages=pages,
        on_failure=on_failure or Fail(),
        statuses=statuses or {},
        waits_for=(),
        input_steps=(),
        hidden=False,
        timeout_seconds=timeout,
        cache=cache,
        scope="public",
        type=ANYTHING,
        needs_json=False,
        needs_bytes=False,
    )
    return Draft(built, tuple(after))


@dataclass(frozen=True, slots=True)
class Draft:
    """What `step` makes and `compose` finishes."""

    step: Step
    after: tuple[str, ...]

    def roots(self) -> frozenset[str]:
        return frozenset().union(*(each.template.roots for each in self.step.expressions()))


def batch(over: str, size: int, most: int, select: str | None = None) -> Batch:
    """A batch; `select` is an expression on a chunk's reply."""
    return Batch(over, size, most, None if select is None else expression(select), select)


def for_each(over: str, as_name: str, concurrency: int = 4, most: int = 100) -> ForEach:
    """One call per element of what `over` gives."""
    return ForEach(expression(over), as_name, concurrency, most)


def join(
    into: str,
    as_name: str,
    source: str,
    match: Mapping[str, str] | str,
    *,
    many: bool = False,
    drops: bool = False,
) -> Join:
    """A join from its declared texts; a text for `match` is the field that has the key."""
    first, *path = into.replace("[]", "").split(".")
    by = ByKey(match) if isinstance(match, str) else ByFields(tuple(match.items()), many)
    return Join(first, tuple(path), as_name, expression(source), by, drops)


def compose(
    *drafts: Draft,
    response: Mapping[str, str | Template] | str | Template | None = None,
    views: Mapping[str, Mapping[str, str | Template]] | None = None,
    joins: Sequence[Join] = (),
    deadline: float = 5.0,
    writes: bool = False,
) -> Composition:
    """A composition of steps; its response is every step under its own name when left out."""
    names = [draft.step.name for draft in drafts]
    targets = {each.into_step for each in joins}
    whole = {name: index for index, name in enumerate(names) if name not in targets}
    payload = _shape({name: name for name in names} if response is None else response, whole)
    forms = {name: ShapeView(name, _shape(each, whole)) for name, each in (views or {}).items()}
    shapes = [payload, *(view.shape for view in forms.values())]
    read = targets.union(*(draft.roots() for draft in drafts))
    read = read.union(*(each.source.roots for each in joins))
    read = read.union(*(shape.roots for shape in shapes))
    spliced = {
        segment.step
        for shape in shapes
        for segment in shape.segments
        if isinstance(segment, Splice)
    }
    steps: list[Step] = []
    for index, draft in enumerate(drafts):
        inputs = draft.roots()
        waits = [i for i, name in enumerate(names) if name in inputs or name in draft.after]
        steps.append(
            replace(
                draft.step,
                index=index,
                waits_for=tuple(waits),
                input_steps=tuple(i for i, name in enumerate(names) if name in inputs),
                needs_json=draft.step.name in read,
                needs_bytes=index in spliced,
            )
        )
    return Composition(
        name="screen",
        file="compositions/screen.yaml",
        method="POST" if writes else "GET",
        path=("screen",),
        path_text="/screen",
        summary="",
        access=Access("public"),
        params=(),
        body=None,
        deadline_seconds=deadline,
        steps=tuple(steps),
        joins=tuple(joins),
        payload=payload,
        views=forms,
        cache=None,
        scope="public",
        is_public=False,
        tags=(),
        purges=(),
        fields=None,
        key_reads=frozenset(),
        digest="",
        namespace="shop",
        writes=writes,
    )


def _shape(
    response: Mapping[str, str | Template] | str | Template, whole: Mapping[str, int]
) -> Shape:
    segments: list[Segment] = []
    roots: frozenset[str] = frozenset()
    opening, closing = b"{", b"}"
    if not isinstance(response, Mapping):
        response, opening, closing = {"": response}, b"", b""
    separator = opening
    for key, value in response.items():
        segments.append(Text(separator + (f'"{key}":'.encode() if key else b"")))
        separator = b","
        if isinstance(value, str) and value in whole:
            segments.append(Splice(whole[value]))
        else:
            template = _template(value)
            segments.append(Computed(template))
            roots |= template.roots
    segments.append(Text(closing if response else opening + closing))
    return Shape(tuple(segments), ANYTHING, roots, frozenset())


def _template(value: str | Template) -> Template:
    return expression(value) if isinstance(value, str) else value
