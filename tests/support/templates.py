"""Templates built by hand, for plans that are built by hand (`tests.support.plans`)."""

import re
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from bff.errors import EvaluationError
from bff.plan.model.expressions import Reference, Template
from bff.plan.types.kinds import ANYTHING


def expression(source: str, *also_reads: str) -> Template:
    """An expression, evaluated by the jmespath library. Its first name is taken for its root."""
    compiled = jmespath.compile(source)

    def evaluate(root: Any) -> Any:
        try:
            return compiled.search(root)
        except JMESPathError as error:
            raise EvaluationError(type(error).__name__) from error

    names = re.findall(r"^[^\w'`]*(?:\w+\()?(\w+)", source)
    reference = None
    if re.fullmatch(r"\w+(\.\w+)*", source):
        reference = Reference(tuple(source.split(".")), ANYTHING, may_be_absent=True)
    return Template(
        evaluate,
        ANYTHING,
        frozenset([*names, *also_reads]),
        source=f"${{{source}}}",
        reference=reference,
    )


def constant(value: Any) -> Template:
    """A template that reads nothing."""
    return Template(lambda _: value, ANYTHING, source=repr(value))
