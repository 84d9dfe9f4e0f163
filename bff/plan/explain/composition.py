"""`bff plan`: a compiled composition as stable text, for people and for diffs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bff.plan.compiler.budgets import longest_chain, most_calls
from bff.plan.compiler.graph import critical_path, order_steps
from bff.plan.compiler.identity_paths import identity_paths_of
from bff.plan.explain.caching import cache_facts
from bff.plan.explain.params import explain_params
from bff.plan.explain.replies import head_lines
from bff.plan.explain.steps import explain_step
from bff.plan.explain.texts import (
    access_text,
    declared_reading,
    indented,
    json_text,
    layout,
    limit_text,
    pages_text,
    seconds_text,
    service_text,
    slo_text,
    source_text,
)
from bff.plan.model.composition import Composition
from bff.plan.model.payload import (
    ByFields,
    ByKey,
    Join,
    MaskView,
    Shape,
    ShapeView,
    Splice,
    Text,
)
from bff.plan.model.service import Service


def explain(composition: Composition, services: Mapping[str, Service]) -> str:
    """The plan as text: the same plan gives the same text, byte for byte."""
    paths = identity_paths_of(composition)
    lines = [
        f"{composition.name}: {composition.method} {composition.path_text}"
        f"{declared_reading(composition.method, writes=composition.writes)}",
        *([f"  {composition.summary}"] if composition.summary else []),
        f"  access: {access_text(composition.access)}",
        *(f"  limit by {limit_text(limit)}" for limit in composition.limits),
        *([f"  slo: {slo_text(composition.slo)}"] if composition.slo else []),
        *([f"  cors: {text}"] if (text := pages_text(composition.cors)) else []),
        "",
        "params",
        *indented(explain_params(composition)),
        "",
        "steps",
    ]
    for step in composition.steps:
        lines += [
            f"  {step.name}: {step.operation.name}"
            f"{declared_reading(step.operation.method, writes=step.operation.writes)}",
            *indented(explain_step(composition, step, paths.steps.get(step.name)), 4),
        ]
    called = dict.fromkeys(step.operation.service for step in composition.steps)
    if facts := [f"{name}: {text}" for name in called if (text := service_text(services[name]))]:
        lines += ["", "services", *indented(facts)]
    if composition.joins:
        lines += ["", "joins", *indented(map(_join, composition.joins))]
    lines += [
        "",
        f"upstream calls: at most {_calls_text(composition)}",
        f"critical path: {_critical_path(composition)}",
        *cache_facts(composition, paths.payload),
        *head_lines(composition),
        "",
        "payload",
        *indented(_payload(composition)),
    ]
    for view in composition.views.values():
        match view:
            case MaskView(name):
                lines += ["", f"view {name} (mask)", *indented(layout(view.type))]
            case ShapeView(name, shape):
                lines += ["", f"view {name} (shape)", *indented(_shape(composition, shape))]
    return "\n".join(lines) + "\n"


def _calls_text(composition: Composition) -> str:
    """The largest numbers of calls, in all and one after the other, beside their budgets."""
    depth = sum(step.most_rounds for step in longest_chain(composition.steps))
    budget = composition.budget
    return (
        f"{most_calls(composition.steps)}{_of(budget.calls)},"
        f" {depth}{_of(budget.depth)} one after the other"
    )


def _of(budget: int | None) -> str:
    return "" if budget is None else f" of {budget}"


def _join(join: Join) -> str:
    into = ".".join((join.into_step, *join.into))
    text = f"into {into} as {join.as_name}: from {source_text(join.source)}, {_found_by(join.by)}"
    return f"{text}, objects without one are dropped" if join.drops else text


def _found_by(by: ByFields | ByKey) -> str:
    match by:
        case ByKey(key):
            return f"under the key {key}"
        case ByFields(match, many):
            pairs = " and ".join(f"{mine} = {theirs}" for mine, theirs in match)
            return f"match {pairs}, all of them" if many else f"match {pairs}"


def _critical_path(composition: Composition) -> str:
    steps = composition.steps
    waits = {step.name: [steps[index].name for index in step.waits_for] for step in steps}
    position = {step.name: step.index for step in steps}
    order = [position[name] for name in order_steps(waits)[0]]
    seconds = [step.timeout_seconds * step.most_rounds for step in steps]
    chain, longest = critical_path(order, [step.waits_for for step in steps], seconds)
    deadline = composition.deadline_seconds
    limit = "cut off by" if longest > deadline else "within"
    return (
        f"{' → '.join(steps[index].name for index in chain)}:"
        f" {seconds_text(longest)} by its timeouts,"
        f" {limit} the deadline of {seconds_text(deadline)}"
    )


@dataclass(frozen=True, slots=True)
class _SourceText:
    """The text written at one place: an expression, or a step as its serializer writes it."""

    text: str


def _payload(composition: Composition) -> Iterable[str]:
    head = composition.head
    if head is not None and not head.status.roots and head.status.evaluate({}) == 204:
        return ["none: a 204 has no body"]
    return _shape(composition, composition.payload)


def _shape(composition: Composition, shape: Shape) -> Iterable[str]:
    """The type of the payload, and below it the text written at each place."""
    yield from layout(shape.type)
    written = iter(
        [
            _SourceText(f"${{{composition.steps[segment.step].name}}} (spliced)")
            if isinstance(segment, Splice)
            else _SourceText(source_text(segment.template))
            for segment in shape.segments
            if not isinstance(segment, Text)
        ]
    )
    # NaN stands in no JSON text, so each one is a gap; the parser meets them in their order.
    form = json.loads(
        b"".join(each.text if isinstance(each, Text) else b"NaN" for each in shape.segments),
        parse_constant=lambda _: next(written),
    )
    yield from _labelled("written from", form)


def _form(value: Any) -> list[str]:
    """A declared form as lines, as YAML would have it."""
    match value:
        case dict() if value:
            return [line for key, inner in value.items() for line in _labelled(key, inner)]
        case list() if value:
            return [
                f"{'  ' if index else '- '}{line}"
                for inner in value
                for index, line in enumerate(_form(inner))
            ]
        case _SourceText(text):
            return [text]
        case _:
            return [json_text(value)]


def _labelled(label: str, value: Any) -> Iterable[str]:
    lines = _form(value)
    if isinstance(value, dict | list) and value:
        return [f"{label}:", *indented(lines)]
    return [f"{label}: {lines[0]}"]
