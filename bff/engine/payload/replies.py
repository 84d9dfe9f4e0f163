"""What goes out beside a payload, or instead of one: members of problem documents. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from bff.engine.payload.texts import write_json
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import UNREAD
from bff.errors import EvaluationError
from bff.plan.model.expressions import Root
from bff.plan.model.steps import ErrorReply

MOST_BYTES: Final = 64 * 1024  # of all members together, as JSON


def error_members(reply: ErrorReply, root: Root, error: Any) -> Mapping[str, Any]:
    """The members by name. One that reads a body that was not read is null, and so is one that
    can't be evaluated, or is too large: the status goes out whatever the body is."""
    seen = {**root, "error": error}
    budget = Budget(MOST_BYTES, "the members of the problem document")
    found: dict[str, Any] = {}
    for name, template in reply.members.items():
        found[name] = None
        if error is UNREAD and "error" in template.roots:
            continue
        try:
            value = template.evaluate(seen)
            budget.spend(len(write_json(value)))
        except EvaluationError:
            continue
        found[name] = value
    return found
