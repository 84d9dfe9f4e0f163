"""Templates built by hand, for plans that are built by hand (`tests.support.plan.plans`)."""

import re
from typing import Any

from bff.plan.expressions.closures.compile import compile_node
from bff.plan.expressions.grammar.parsing import parse_expression
from bff.plan.model.expressions import Reference, Template
from bff.plan.types.kinds import ANYTHING


def expression(source: str, *also_reads: str) -> Template:
    """An expression. Its first name is taken for its root."""
    names = re.findall(r"^[^\w'`]*(?:\w+\()?(\w+)", source)
    reference = None
    if re.fullmatch(r"\w+(\.\w+)*", source):
        reference = Reference(tuple(source.split(".")), ANYTHING, may_be_absent=True)
    return Template(
        compile_node(parse_expression(source)),
        ANYTHING,
        frozenset([*names, *also_reads]),
        source=f"${{{source}}}",
        reference=reference,
    )


def constant(value: Any) -> Template:
    """A template that reads nothing."""
    return Template(lambda _: value, ANYTHING, source=repr(value))
