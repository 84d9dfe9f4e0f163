"""What expressions know of the caller: `claims`, an object of which nothing is declared.

Each claim may be anything, or null: that of a caller who doesn't say.
"""

from bff.errors import EvaluationError
from bff.plan.model.composition import Template
from bff.plan.types import kinds as t
from bff.plan.types.algebra import may_be_null

CLAIMS = "claims"  # the root's name
CLAIMS_TYPE = t.ObjectOf((), extra=t.ANYTHING, name=CLAIMS)


def may_give_null(template: Template) -> bool:
    """Whether null is known to be among what the template gives: by its type, or, where that says
    nothing because claims may be anything, for a caller without any."""
    is_told = "?" in template.roots  # it has a problem, which is told and makes no other
    if CLAIMS not in template.roots or template.type != t.ANYTHING or is_told:
        return may_be_null(template.type)
    try:
        return template.evaluate({CLAIMS: {}}) is None
    except EvaluationError:
        return False
