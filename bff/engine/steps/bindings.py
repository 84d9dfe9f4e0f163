"""What a step binds each operation param to, from the values that are there. Pure.

Rules, for a value without which there is no call (a path param, a required one, what a batch or a
`for_each` goes over):

1. A call that reads is not made for a null. It is null then.
2. A call that reads is not made for an empty list, which would leave no trace in a request. It is
   an empty list then, where it gives lists, and else null.
3. A call that writes is made, or fails: a null or an empty list is sent in the body where the param
   takes it. Only `when` skips what writes.

Rules, for any other:

4. A null is left out, but in the body of a write, where it is sent.
5. What refers to a field that is absent is left out, or is the param's default.
6. A null that stems from a failure is left out. It is recognised by *tainted* names: the steps that
   failed, or were skipped because one of their inputs did.
"""

from collections.abc import Set
from typing import Any

from bff.engine.steps.texts import Unsendable
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import Skipped
from bff.plan.model.expressions import Root, Template
from bff.plan.model.service import OperationParam
from bff.plan.model.steps import Step

EMPTY_INPUT = Skipped("empty input")


def bind(
    step: Step, root: Root, tainted: Set[str], budget: Budget, over: str | None = None
) -> dict[str, Any] | Skipped:
    """Each operation param's JSON value; or why there is no call, of one that reads.

    `over` is the param that a batch divides: it is checked chunk by chunk, and there is no call
    without a list for it, even where it is optional. Raises `EvaluationError`, `TooLargeError` for
    more text than the budget has, and `Unsendable` for a value that breaks a param's constraints.
    """
    characters = 0
    writes = step.operation.writes
    values: dict[str, Any] = {}
    for binding in step.bindings:
        param, template = binding.param, binding.template
        if template is None:
            if param.default is not None:
                values[param.name] = param.default
            continue
        value = template.evaluate(root)
        if isinstance(value, str):
            characters += len(value)
            budget.require(characters)
        is_needed = param.required or param.name == over
        if value is None:
            is_absent = template.is_absent(root)
            if is_absent and param.default is not None:
                values[param.name] = param.default
            elif is_needed and not writes:
                return null_input(template, tainted)
            elif is_needed and is_absent:
                raise _missing(param)
            elif is_needed:
                values[param.name] = _checked_null(param, over)
            elif not is_absent and _clears(step, param, template, tainted):
                values[param.name] = None
        elif param.is_list and value == [] and is_needed and not writes:
            return EMPTY_INPUT
        else:
            values[param.name] = value if param.name == over else checked(param, value)
    return values


def checked(param: OperationParam, value: Any) -> Any:
    """The value to send. Raises `Unsendable` where it breaks the param's constraints."""
    try:
        return param.check(value)
    except ValueError as error:
        raise Unsendable(param.name, str(error)) from None


def _checked_null(param: OperationParam, over: str | None) -> Any:
    """The null to send in the body of a write. Raises `Unsendable` where it can't be sent."""
    try:
        if param.location == "body" and param.name != over:
            return param.check(None)
    except ValueError:
        pass
    raise _missing(param)


def _missing(param: OperationParam) -> Unsendable:
    return Unsendable(param.name, "must have a value")


def _clears(step: Step, param: OperationParam, template: Template, tainted: Set[str]) -> bool:
    """Whether a null for an optional param is sent: in the body of a write, which it may clear
    something by. One that stems from a failure may not."""
    return (
        step.operation.writes
        and param.location == "body"
        and param.default is None
        and template.roots.isdisjoint(tainted)
    )


def null_input(because: Template, tainted: Set[str]) -> Skipped:
    """The outcome of a step that is not called for the null that the template gives."""
    return Skipped("null input", complete=because.roots.isdisjoint(tainted))
