"""`bff plan`: a compiled composition as stable text, for people and for diffs."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bff.plan.compiler.graph import critical_path, order_steps
from bff.plan.compiler.identity_paths import IdentityPath, identity_paths_of
from bff.plan.explain.caching import cache_facts, step_cache_facts
from bff.plan.explain.params import explain_params, explain_sent, request_text
from bff.plan.explain.replies import fail_when_text, head_lines, statuses_lines
from bff.plan.explain.texts import (
    access_text,
    indented,
    json_text,
    one_line,
    seconds_text,
    service_text,
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
from bff.plan.model.service import Operation, Service
from bff.plan.model.steps import Fail, Fallback, Optional, Stale, Step
from bff.plan.types import kinds as t
from bff.plan.types.algebra import describe, without_null

_WIDTH = 80  # characters of a type on one line


def explain(composition: Composition, services: Mapping[str, Service]) -> str:
    """The plan as text: the same plan gives the same text, byte for byte."""
    paths = identity_paths_of(composition)
    lines = [
        f"{composition.name}: {composition.method} {composition.path_text}"
        f"{_declared_reading(composition.method, writes=composition.writes)}",
        *([f"  {composition.summary}"] if composition.summary else []),
        f"  access: {access_text(composition.access)}",
        "",
        "params",
        *indented(explain_params(composition)),
        "",
        "steps",
    ]
    for step in composition.steps:
        lines += [
            f"  {step.name}: {step.operation.name}"
            f"{_declared_reading(step.operation.method, writes=step.operation.writes)}",
            *indented(_step(composition, step, paths.steps.get(step.name)), 4),
        ]
    called = dict.fromkeys(step.operation.service for step in composition.steps)
    if facts := [f"{name}: {text}" for name in called if (text := service_text(services[name]))]:
        lines += ["", "services", *indented(facts)]
    if composition.joins:
        lines += ["", "joins", *indented(map(_join, composition.joins))]
    lines += [
        "",
        f"upstream calls: at most {sum(map(most_calls, composition.steps))}",
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


def _declared_reading(method: str, *, writes: bool) -> str:
    """What a plan says of a POST that changes nothing."""
    return ", a POST that reads" if method == "POST" and not writes else ""


def most_calls(step: Step) -> int:
    """The largest number of upstream calls that one run of the step can make."""
    if step.batch is not None:
        return math.ceil(step.batch.max / step.batch.size)
    return step.for_each.max if step.for_each is not None else 1


def layout(inferred: t.Type) -> list[str]:
    """A type as lines: on one where it fits, else a line for each field."""
    text = describe(inferred)
    if len(text) <= _WIDTH:
        return [text]
    match inferred:
        case t.ObjectOf(fields, extra):
            lines = ["{"]
            for name, field in fields:
                first, *rest = layout(field.type)
                lines.append(f"  {name}{'' if field.required else '?'}: {first}")
                lines += [f"  {line}" for line in rest]
            if extra is not None:
                lines.append(f"  *: {describe(extra)}")
            return [*lines, "}"]
        case t.ListOf(element):
            first, *rest = layout(element)
            return [f"list[{first}", *rest[:-1], f"{rest[-1]}]"] if rest else [f"list[{first}]"]
        case t.Union() if t.NULL in inferred.members:
            lines = layout(without_null(inferred))
            return [*lines[:-1], f"{lines[-1]} | null"]
        case _:
            return [text]


# ------------------------------------------------------------------------------ params and steps


def _step(composition: Composition, step: Step, path: IdentityPath | None) -> Iterable[str]:
    yield f"waits for: {_waits(composition, step)}"
    if step.when is not None:
        yield f"when: {source_text(step.when)}, else null"
    if step.batch is not None:
        batch = step.batch
        select = "" if batch.select_source is None else f", select {one_line(batch.select_source)}"
        yield f"batch: over {batch.over}, {batch.size} a call, at most {batch.max}{select}"
    if step.for_each is not None:
        each = step.for_each
        yield (
            f"for each: {each.as_name} in {source_text(each.over)},"
            f" {each.concurrency} at once, at most {each.max}"
        )
    if line := request_text(step.operation):
        yield f"request: {line}"
    sent = list(explain_sent(step))
    if sent:
        yield "with:"
        yield from indented(sent)
    if skips := [
        f"{each.param.name} is {' or '.join(sorted(each.skips_when))}"
        for each in step.bindings
        if each.skips_when
    ]:
        yield f"no call where: {', '.join(skips)}"
    yield f"calls: at most {most_calls(step)}, {seconds_text(step.timeout_seconds)} each"
    if step.statuses:
        yield "statuses:"
        yield from indented(statuses_lines(step))
    if step.operation.reply_format != "json":
        yield f"replies: {_format(step.operation)}"
    if step.operation.fail_when is not None:
        yield f"fails when: {fail_when_text(step.operation.fail_when)}"
    yield f"on failure: {_on_failure(step)}"
    if step.reads_part:
        yield from _labelled_lines("validates only", layout(step.operation.returns.type))
    yield from step_cache_facts(step, path)
    if step.hidden:
        yield "hidden: goes out only where response names it"
    yield from _labelled_lines("type", layout(step.type))


def _labelled_lines(label: str, lines: list[str]) -> Iterable[str]:
    first, *rest = lines
    return [f"{label}: {first}", *rest]


def _waits(composition: Composition, step: Step) -> str:
    """The steps that it waits for; those whose values it doesn't read are marked."""
    waits = (
        composition.steps[index].name + ("" if index in step.input_steps else " (after)")
        for index in step.waits_for
    )
    return ", ".join(waits) or "nothing"


def _format(operation: Operation) -> str:
    match operation.reply_format:
        case "none":
            return "nobody reads their bodies"
        case "csv":
            return f"csv, with {json_text(operation.delimiter)} between cells"
        case other:
            return other


def _on_failure(step: Step) -> str:
    match step.on_failure:
        case Fail():
            return "the composition fails"
        case Optional():
            return "null, degraded"
        case Fallback(value):
            return f"fallback {json_text(value)}, degraded"
        case Stale():
            return "its last good value, degraded; without one the composition fails"


# ------------------------------------------------------------------------------ after the steps


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
    chain, longest = critical_path(
        order, [step.waits_for for step in steps], [_longest(step) for step in steps]
    )
    deadline = composition.deadline_seconds
    limit = "cut off by" if longest > deadline else "within"
    return (
        f"{' → '.join(steps[index].name for index in chain)}:"
        f" {seconds_text(longest)} by its timeouts,"
        f" {limit} the deadline of {seconds_text(deadline)}"
    )


def _longest(step: Step) -> float:
    """The longest that a step's calls can take: iterated ones come in rounds."""
    rounds = 1
    if step.for_each is not None:
        rounds = math.ceil(step.for_each.max / step.for_each.concurrency)
    return step.timeout_seconds * rounds


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
