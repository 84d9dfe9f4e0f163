"""Compiles declared values with `${…}` in them to templates: types, closures, and what they read.

A string that is exactly one `${…}` has the type of its value; among other characters the value
is text. Each part of a list or a mapping is compiled by itself. Keys are never expressions. What is
made of several parts is weighed part by part, since each may be large.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bff.errors import EvaluationError
from bff.plan.compiler.parts import field_of, list_evaluator, mapping_evaluator
from bff.plan.compiler.roots import roots_of, with_each_step
from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.closures.growth import (
    LARGEST_VALUE,
    too_large,
)
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, parse_expression
from bff.plan.expressions.grammar.reads import direct_path, static_reads
from bff.plan.expressions.grammar.templates import (
    Interpolation,
    forgotten_expression,
    split_template,
)
from bff.plan.expressions.types.inference import infer
from bff.plan.expressions.types.references import refer
from bff.plan.expressions.types.uses import uses_of
from bff.plan.model.expressions import Root, Template, union_of
from bff.plan.reporter import Path, Reporter
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, fits, may_be_null, type_of_value, union, without_null

Reads = frozenset[tuple[str, ...]]

_TEXT = union(t.STRING, t.NUMBER, t.BOOLEAN)


@dataclass(frozen=True, slots=True)
class ExpressionScope(Reporter[Any]):
    """A reporter of one document, and the type of the root that its expressions see."""

    root: t.ObjectOf


def scope_within(reporter: Reporter[Any], root: t.ObjectOf) -> ExpressionScope:
    """The scope of expressions that see `root`, with the reporter's document and lists."""
    return ExpressionScope(reporter.document, reporter.problems, root, warnings=reporter.warnings)


def compile_value(scope: ExpressionScope, value: Any, path: Path) -> Template:
    """Compile a YAML value. It may be anything where it has problems, or where the document doesn't
    know it."""
    if not scope.knows(path):
        return _unknown()
    match value:
        case str():
            return _compile_text(scope, value, path)
        case list():
            return _compile_list(scope, value, path)
        case dict():
            return _compile_mapping(scope, value, path)
        case float() if not math.isfinite(value):
            scope.report(path, "a number that is not finite", "JSON has none.")
            return _unknown()
        case _:
            return constant(value)


def compile_single(scope: ExpressionScope, text: str, path: Path) -> Template:
    """Compile a text that must be one `${…}`, with only blanks beside it (a block text ends with a
    line break). With other characters it would be a text, which is always true and no list."""
    try:
        parts = split_template(text)
    except ExpressionSyntaxError:
        parts = ()  # `compile_value` reports it
    if not parts or not scope.knows(path):
        return compile_value(scope, text, path)
    compiled = [
        compile_expression(scope, part.source, path, part.start)
        for part in parts
        if isinstance(part, Interpolation)
    ]
    if len(compiled) == 1 and not any(isinstance(part, str) and part.strip() for part in parts):
        return compiled[0]
    scope.report(
        path, "one expression stands alone here, and this has more beside it",
        "Keep one ${…}; to join or compare, write it within: ${a == 'x'}.",
    )  # fmt: skip
    return _unknown()


def compile_expression(
    scope: ExpressionScope, source: str, path: Path, offset: int = 0
) -> Template:
    """Compile one expression; `offset` is where it starts in the text at `path`."""
    if not scope.knows(path):
        return _unknown()

    def report(at: int, what: str, mend: str) -> Template:
        scope.report_in_text(path, offset + at, what, mend)
        return _unknown()

    try:
        node = parse_expression(source)
    except ExpressionSyntaxError as error:
        return report(error.offset, error.what, error.mend)
    reads = static_reads(node)
    if () in reads:
        known = ", ".join(name for name, _ in scope.root.fields)
        return report(0, "this reads everything at once", f"Name what you mean: {known}.")
    try:
        inferred, problems = infer(node, scope.root)
    except RecursionError:  # `[@] | [@] | …`: each part nests the type once more
        return report(0, "the value would be nested too deeply", "Use fewer parts.")
    for problem in problems:
        report(problem.offset, problem.what, problem.mend)
    if problems:
        return _unknown(reads)
    path_of = direct_path(node)
    reads = with_each_step(reads, scope.root)
    template = Template(
        compile_node(node), inferred, roots_of(reads), reads, f"${{{source}}}",
        uses_of(node, scope.root), None if path_of is None else refer(path_of, scope.root),
    )  # fmt: skip
    if is_constant(template):
        try:
            template.evaluate({})
        except EvaluationError as error:
            return report(0, f"this fails always: {error}", "")
    return template


def constant(value: Any) -> Template:
    """A template that is always `value`."""
    return Template(lambda _root: value, type_of_value(value), source=_show(value))


def is_constant(template: Template) -> bool:
    """Whether the template reads nothing, so that its value is known now."""
    return not template.roots


def _compile_text(scope: ExpressionScope, text: str, path: Path) -> Template:
    try:
        parts = split_template(text)
    except ExpressionSyntaxError as error:
        scope.report_in_text(path, error.offset, error.what, error.mend)
        return _unknown()
    match parts:
        case ():
            return constant("")
        case (str() as literal,):
            warn_of_forgotten(scope, literal, path)
            return constant(literal)
        case (Interpolation(source, start),):
            return compile_expression(scope, source, path, start)
        case _:
            return _compile_mixed(scope, text, parts, path)


def warn_of_forgotten(scope: ExpressionScope, text: str, path: Path) -> None:
    """Warn of a text that looks like an expression, and is none."""
    meant = forgotten_expression(text, [name for name, _ in scope.root.fields])
    if meant is not None:
        scope.warn(
            path, "this is a text, and looks like an expression",
            f"Write ${{{meant}}}. If it is a text, say so: ${{'…'}}.",
        )  # fmt: skip


def _compile_mixed(
    scope: ExpressionScope, text: str, parts: tuple[str | Interpolation, ...], path: Path
) -> Template:
    found = len(scope.problems)
    pieces: list[Template] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(constant(part))
            continue
        piece = compile_expression(scope, part.source, path, part.start)
        pieces.append(piece)
        if may_be_null(piece.type):
            scope.report_in_text(
                path, part.start, "may be null, and null is no text",
                "Give it a text for that case: `|| ''`.",
            )  # fmt: skip
        elif not fits(without_null(piece.type), _TEXT):
            scope.report_in_text(
                path, part.start, f"{brief(piece.type)} is no text",
                "Among other characters only strings, numbers and booleans can stand.",
            )  # fmt: skip
    if len(scope.problems) > found:
        return replace(_unknown(*(piece.reads for piece in pieces)), type=t.STRING)
    evaluators = tuple(piece.evaluate for piece in pieces)

    def evaluate(root: Root) -> str:
        texts: list[str] = []
        characters = 0
        for evaluator in evaluators:
            texts.append(render_text(evaluator(root)))
            characters += len(texts[-1])
            if characters > LARGEST_VALUE:
                raise too_large()
        return "".join(texts)

    return _combined(pieces, evaluate, t.STRING, text)


def render_text(value: Any) -> str:
    """A scalar as text within text: booleans as in JSON. Raises `EvaluationError` for others."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return str(value)
        case int():
            try:
                return str(value)
            except ValueError:  # of more than 4300 digits
                raise EvaluationError("an integer is too long for a text") from None
        case _:
            raise EvaluationError("a null, a list or an object stands among text")


def _compile_list(scope: ExpressionScope, values: list[Any], path: Path) -> Template:
    parts = [compile_value(scope, value, (*path, index)) for index, value in enumerate(values)]
    if all(map(is_constant, parts)):
        return constant([part.evaluate({}) for part in parts])
    return _combined(
        parts,
        list_evaluator(values, parts),
        t.ListOf(union(*(part.type for part in parts))),
        f"[{', '.join(part.source for part in parts)}]",
    )


def _compile_mapping(scope: ExpressionScope, values: dict[str, Any], path: Path) -> Template:
    """A mapping, of which a key that refers to what is absent is left out."""
    check_keys(scope, values, path)
    parts = {key: compile_value(scope, value, (*path, key)) for key, value in values.items()}
    if all(map(is_constant, parts.values())):
        return constant({key: part.evaluate({}) for key, part in parts.items()})
    return _combined(
        list(parts.values()),
        mapping_evaluator(values, parts),
        t.ObjectOf(tuple((key, field_of(part)) for key, part in parts.items())),
        f"{{{', '.join(f'{key}: {part.source}' for key, part in parts.items())}}}",
    )


def check_keys(scope: ExpressionScope, values: dict[str, Any], path: Path) -> None:
    """Report keys that look like expressions: they would go out unchanged."""
    for key in values:
        if "${" in str(key):
            scope.report_key(
                (*path, key), "a key is never an expression",
                "Write the key out, or build the object in one expression.",
            )  # fmt: skip


def _combined(
    parts: list[Template], evaluate: Callable[[Root], Any], inferred: t.Type, source: str
) -> Template:
    reads: Reads = frozenset().union(*(part.reads for part in parts))
    uses = union_of(part.uses.consumed() for part in parts)
    return Template(evaluate, inferred, roots_of(reads), reads, source, uses)


def _unknown(*reads: Reads) -> Template:
    """The template of a value with a problem; its plan never runs. It reads an impossible root, so
    that it is no constant."""
    all_reads: Reads = frozenset({("?",)}).union(*reads)
    return Template(lambda _root: None, t.ANYTHING, roots_of(all_reads), all_reads)


def _show(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
