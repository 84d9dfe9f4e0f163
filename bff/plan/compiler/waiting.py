"""Who waits for whom: the steps that a step refers to, and those that it names in `after`."""

from collections.abc import Iterable, Mapping
from typing import Any

from bff.declarations.documents import Document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.forms import ROOT_NAMES
from bff.declarations.suggestions import known_names
from bff.plan.expressions.grammar.parsing import ExpressionSyntaxError, parse_expression
from bff.plan.expressions.grammar.reads import static_reads
from bff.plan.expressions.grammar.templates import Embedded, split_template
from bff.plan.notebook import Notebook, Path


def find_waits(
    document: Document[CompositionFile], notebook: Notebook, *, writes: bool
) -> Mapping[str, list[str]]:
    """For each step the ones that it waits for, in declared order.

    In a composition that writes that is every step before; to need a later one is a problem.
    """
    declared = document.model.steps
    waits = {name: _referred(document, name, notebook) for name in declared}
    if not writes:
        return waits
    in_order: dict[str, list[str]] = {}
    for name, others in waits.items():
        for other in others:
            if other not in in_order and other != name:
                notebook.at_key(
                    document, ("steps", name), f"'{name}' needs '{other}', which runs after it",
                    "Steps of a composition that writes run in declared order: move it up.",
                )  # fmt: skip
        in_order[name] = [*in_order, *(other for other in others if other == name)]
    return in_order


def _referred(document: Document[CompositionFile], name: str, notebook: Notebook) -> list[str]:
    declared = document.model.steps
    step = declared[name]
    found = set(_names_in([step.when, step.with_, step.for_each and step.for_each.over]))
    for index, other in enumerate(step.after):
        if other in declared:
            found.add(other)
        elif document.knows(("steps",)):
            at: Path = ("steps", name, "after", index)
            notebook.at(document, at, f"unknown step '{other}'", known_names(other, declared))
    if step.for_each is not None:
        found.discard(step.for_each.as_)
    found -= ROOT_NAMES  # where a step is wrongly called so, the root is meant
    return [other for other in declared if other in found]


def _names_in(value: Any) -> Iterable[str]:
    """The root names that a declared value's expressions read; broken ones are told later."""
    match value:
        case str():
            try:
                parts = split_template(value)
                sources = [part.source for part in parts if isinstance(part, Embedded)]
                for source in sources:
                    yield from (path[0] for path in static_reads(parse_expression(source)) if path)
            except ExpressionSyntaxError:
                return
        case dict():
            for part in value.values():
                yield from _names_in(part)
        case list():
            for part in value:
                yield from _names_in(part)
