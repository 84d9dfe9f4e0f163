"""`bff plan`: a compiled composition as stable text, for people and for diffs."""

import json
import math
from collections.abc import Iterable

from bff.plan import types as t
from bff.plan.graph import critical_path, order_steps
from bff.plan.nodes import (
    Composition,
    Computed,
    Fail,
    Fallback,
    MaskView,
    Optional,
    Splice,
    Step,
)
from bff.plan.type_algebra import describe, without_null

_WIDTH = 80  # characters of a type on one line


def explain(composition: Composition) -> str:
    """The plan as text: the same plan gives the same text, byte for byte."""
    chain, budget = _critical_path(composition)
    lines = [
        f"{composition.name}: {composition.method} {composition.path_text}",
        *([f"  {composition.summary}"] if composition.summary else []),
        "",
        "params",
        *_params(composition),
        "",
        "steps",
        *_steps(composition),
        "",
        f"upstream calls: at most {sum(map(most_calls, composition.steps))}",
        f"critical path: {' → '.join(chain)}: {_seconds(budget)}"
        f" (deadline {_seconds(composition.deadline_seconds)})",
        f"cache: {_cache(composition)}",
        "",
        "payload",
        *(f"  {line}" for line in layout(composition.payload.type)),
        f"  written as: {_written(composition)}",
    ]
    for view in composition.views.values():
        kind = "mask" if isinstance(view, MaskView) else "shape"
        lines += ["", f"view {view.name} ({kind})", *(f"  {line}" for line in layout(view.type))]
    return "\n".join(lines) + "\n"


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


def _params(composition: Composition) -> Iterable[str]:
    for param in composition.params:
        presence = "required" if param.required else f"default {json.dumps(param.default)}"
        yield f"  {param.name} ({param.location}): {describe(param.type)}, {presence}"
    if not composition.params:
        yield "  none"


def _steps(composition: Composition) -> Iterable[str]:
    names = [step.name for step in composition.steps]
    for step in composition.steps:
        waits = ", ".join(names[index] for index in step.waits_for)
        yield f"  {step.name}: {step.operation.name}"
        yield f"    waits for: {waits or 'nothing'}"
        if step.when is not None:
            yield f"    when: {step.when.source}"
        if step.batch is not None:
            batch = step.batch
            yield f"    batch: over {batch.over}, {batch.size} a call, at most {batch.max}"
        if step.for_each is not None:
            each = step.for_each
            yield (
                f"    for each: {each.as_name} in {each.over.source},"
                f" {each.concurrency} at once, at most {each.max}"
            )
        yield f"    calls: at most {most_calls(step)}, {_seconds(step.timeout_seconds)} each"
        yield f"    on failure: {_on_failure(step)}"
        first, *rest = layout(step.type)
        yield f"    type: {first}"
        yield from (f"    {line}" for line in rest)


def _on_failure(step: Step) -> str:
    match step.on_failure:
        case Fail():
            return "the composition fails"
        case Optional():
            return "null"
        case Fallback(value):
            return f"fallback {json.dumps(value)}"


def _critical_path(composition: Composition) -> tuple[list[str], float]:
    steps = composition.steps
    waits = {step.name: [steps[index].name for index in step.waits_for] for step in steps}
    position = {step.name: step.index for step in steps}
    order = [position[name] for name in order_steps(waits)[0]]
    chain, budget = critical_path(
        order, [step.waits_for for step in steps], [_longest(step) for step in steps]
    )
    return [steps[index].name for index in chain], min(budget, composition.deadline_seconds)


def _longest(step: Step) -> float:
    """The longest that a step's calls can take: iterated ones come in rounds."""
    rounds = 1
    if step.for_each is not None:
        rounds = math.ceil(step.for_each.max / step.for_each.concurrency)
    return step.timeout_seconds * rounds


def _cache(composition: Composition) -> str:
    if composition.uncached_because is not None:
        return f"off: {composition.uncached_because}"
    if composition.cache is None:
        return "off"
    key = ", ".join(sorted(".".join(path) for path in composition.key_reads)) or "the plan alone"
    return f"{_seconds(composition.cache.ttl_seconds)}, key: {key}"


def _written(composition: Composition) -> str:
    parts = []
    for segment in composition.payload.segments:
        if isinstance(segment, Splice):
            parts.append(f"{composition.steps[segment.step].name} (spliced)")
        elif isinstance(segment, Computed):
            parts.append(f"{' '.join(segment.template.source.split())} (computed)")
    return ", ".join(parts) or "constant"


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
