"""Tags, compiled: `product:${products[].id}` names one tag for each element.

An expression in a tag may be a scalar or null, or a list of those, of which a tag has one at most:
each element makes a tag of its own, and a null makes none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bff.declarations.models.caching import tag_violation
from bff.errors import EvaluationError, TooManyTagsError
from bff.plan.compiler.roots import roots_of
from bff.plan.compiler.values import (
    ExpressionScope,
    Reads,
    compile_expression,
    render_text,
    warn_of_forgotten,
)
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError
from bff.plan.expressions.grammar.templates import Interpolation, split_template
from bff.plan.model.caching import MOST_TAGS, Tags
from bff.plan.model.expressions import Template, union_of
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief

LONGEST_EVALUATED = 500  # characters

# Control characters, and the halves of pairs, which UTF-8 has no bytes for.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_Part = str | Template


def compile_tags(scope: ExpressionScope, declared: Iterable[str], path: Path) -> tuple[Tags, ...]:
    """Compile a list of tags; `path` is the list's. Problems are reported."""
    if not scope.knows(path):
        return ()
    return tuple(
        _compile_tag(scope, text, (*path, index))
        for index, text in enumerate(declared)
        if scope.knows((*path, index))
    )


def _compile_tag(scope: ExpressionScope, text: str, path: Path) -> Tags:
    try:
        pieces = split_template(text)
    except ExpressionSyntaxError as error:
        scope.report_in_text(path, error.offset, error.what, error.mend)
        return _compiled(text, ())
    warn_of_forgotten(scope, text, path)
    constant = "".join(piece for piece in pieces if isinstance(piece, str))
    if found := tag_violation(text, constant):
        scope.report(path, found.what, found.mend)
    parts: list[_Part] = []
    has_list = False
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        template = compile_expression(scope, piece.source, path, piece.start)
        parts.append(template)
        is_list = _check_part(scope, template.type, piece, path)
        if is_list and has_list:
            scope.report_in_text(
                path, piece.start, "a second list in one tag",
                "A tag goes over one list: write two tags.",
            )  # fmt: skip
        has_list |= is_list
    return _compiled(text, tuple(parts))


def _check_part(scope: ExpressionScope, inferred: t.Type, piece: Interpolation, path: Path) -> bool:
    """Whether the expression may be a list. A type that can't be in a tag is reported."""
    each = alternatives(inferred)
    elements = [
        element
        for one in each
        if isinstance(one, t.ListOf)
        for element in alternatives(one.element)
    ]
    scalars = [one for one in each if not isinstance(one, t.ListOf)]
    wrong: list[t.Type] = [one for one in scalars if isinstance(one, t.ObjectOf)]
    wrong += [one for one in elements if isinstance(one, t.ObjectOf | t.ListOf)]
    if wrong:
        scope.report_in_text(
            path, piece.start, f"{brief(inferred)} can't be in a tag",
            "Name what identifies one: a text or a number, or a list of such.",
        )  # fmt: skip
    return len(scalars) < len(each)


def _compiled(text: str, parts: Sequence[_Part]) -> Tags:
    templates = [part for part in parts if isinstance(part, Template)]
    reads: Reads = frozenset().union(*(part.reads for part in templates))
    uses = union_of(part.uses.consumed() for part in templates)
    evaluators = [part if isinstance(part, str) else part.evaluate for part in parts]

    def evaluate(root: Mapping[str, Any]) -> tuple[str, ...]:
        written: Sequence[str] = ("",)
        went_over_list = False
        for evaluator in evaluators:
            value = evaluator if isinstance(evaluator, str) else evaluator(root)
            if value is None:
                return ()
            if not isinstance(value, list):
                texts: Iterable[str] = (_text(value),)
            elif went_over_list:
                raise EvaluationError("a second list stands in a tag")
            else:
                went_over_list = True
                texts = _distinct_texts(value)
            written = [_bounded(before + added) for before in written for added in texts]
        if any(map(_UNFIT.search, written)):
            raise EvaluationError("a tag has a control character in it")
        return tuple(dict.fromkeys(written))

    return Tags(evaluate, roots_of(reads), reads, text, uses)


def _distinct_texts(values: list[Any]) -> Iterable[str]:
    texts: dict[str, None] = {}
    for value in values:
        if value is not None:
            texts[_text(value)] = None
            if len(texts) > MOST_TAGS:
                raise TooManyTagsError(f"more than {MOST_TAGS} tags")
    return texts


def _text(value: Any) -> str:
    if isinstance(value, list | dict):
        raise EvaluationError("a list or an object stands in a tag")
    return _bounded(render_text(value))


def _bounded(text: str) -> str:
    """The text of a tag, or of a part, which is refused before anything is built of it."""
    if len(text) > LONGEST_EVALUATED:
        raise EvaluationError(f"a tag has more than {LONGEST_EVALUATED} characters")
    return text
