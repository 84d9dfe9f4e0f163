"""Compiles a declared `response` to a list of segments, in the order in which they are written.

Constants become bytes here. A step that goes out whole is spliced from its serializer's bytes.
Only values that are reshaped are computed in a request.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from bff.plan.compiler.values import ExpressionScope, check_keys, compile_value, is_constant
from bff.plan.model.expressions import Template
from bff.plan.model.payload import Computed, Segment, Shape, Splice, Text
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import union

_Body = tuple[list[Segment], t.Type, list[Template]]


def compile_shape(
    scope: ExpressionScope, response: Any, path: Path, whole: Mapping[str, int]
) -> Shape:
    """Compile a `response:`. `whole` maps each step that may be spliced to its index."""
    segments, inferred, templates = _write(scope, response, path, whole)
    return Shape(
        _merged(segments),
        inferred,
        frozenset().union(*(template.roots for template in templates)),
        frozenset().union(*(template.reads for template in templates)),
    )


def _write(scope: ExpressionScope, value: Any, path: Path, whole: Mapping[str, int]) -> _Body:
    match value:
        case dict() if value:
            return _write_mapping(scope, value, path, whole)
        case list() if value:
            return _write_list(scope, value, path, whole)
    template = compile_value(scope, value, path)
    if is_constant(template):
        return [Text(to_json(template.evaluate({})))], template.type, [template]
    step = next((name for name in whole if template.reads == {(name,)}), None)
    if step is not None and _names_only(template, step):
        return [Splice(whole[step])], template.type, [template]
    return [Computed(template)], template.type, [template]


def _names_only(template: Template, step: str) -> bool:
    """Whether the template is the step and nothing else: `${user}`, `${ user }`."""
    return template.source.removeprefix("${").removesuffix("}").strip() in (step, f'"{step}"')


def _write_mapping(
    scope: ExpressionScope, values: dict[str, Any], path: Path, whole: Mapping[str, int]
) -> _Body:
    check_keys(scope, values, path)
    segments: list[Segment] = []
    fields: list[tuple[str, t.Field]] = []
    templates: list[Template] = []
    for index, (key, value) in enumerate(values.items()):
        inner, inferred, read = _write(scope, value, (*path, key), whole)
        segments.append(Text((b"," if index else b"{") + to_json(str(key)) + b":"))
        segments.extend(inner)
        fields.append((str(key), t.Field(inferred)))
        templates.extend(read)
    return [*segments, Text(b"}")], t.ObjectOf(tuple(fields)), templates


def _write_list(
    scope: ExpressionScope, values: list[Any], path: Path, whole: Mapping[str, int]
) -> _Body:
    segments: list[Segment] = []
    elements: list[t.Type] = []
    templates: list[Template] = []
    for index, value in enumerate(values):
        inner, inferred, read = _write(scope, value, (*path, index), whole)
        segments.append(Text(b"," if index else b"["))
        segments.extend(inner)
        elements.append(inferred)
        templates.extend(read)
    return [*segments, Text(b"]")], t.ListOf(union(*elements)), templates


def _merged(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    merged: list[Segment] = []
    for segment in segments:
        if isinstance(segment, Text) and merged and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + segment.text)
        else:
            merged.append(segment)
    return tuple(merged)
