"""What a composition may cost by its plan: the calls of one run, in all and one after the other."""

from collections.abc import Sequence

from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.gateway import BudgetDecl, GatewayDefaults
from bff.plan.compiler.graph import critical_path, order_steps
from bff.plan.model.composition import CallBudget
from bff.plan.model.steps import Step
from bff.plan.reporter import Path, Reporter

_NONE = BudgetDecl.model_construct()


def compile_budget(
    reporter: Reporter[CompositionFile], steps: Sequence[Step], defaults: GatewayDefaults
) -> CallBudget:
    """The composition's budget, with the gateway's for what it leaves out. Steps that may cost more
    are a problem."""
    own, default = reporter.document.model.budget or _NONE, defaults.budget or _NONE
    budget = CallBudget(own.calls or default.calls, own.depth or default.depth)
    if not reporter.document.is_sound(("steps",)):
        return budget
    calls = most_calls(steps)
    if budget.calls is not None and calls > budget.calls:
        largest = max(steps, key=lambda step: step.most_calls)
        reporter.report(
            _place(own.calls, "calls"),
            f"a run may make {calls} calls, and {_whose(own.calls)} budget is {budget.calls}",
            f"'{largest.name}' may make {largest.most_calls} of them: lower its bounds, or raise"
            " the budget.",
        )
    chain = longest_chain(steps)
    depth = sum(step.most_rounds for step in chain)
    if budget.depth is not None and depth > budget.depth:
        reporter.report(
            _place(own.depth, "depth"),
            f"a run may make {depth} calls one after the other, and {_whose(own.depth)} budget is"
            f" {budget.depth}",
            f"They are {' → '.join(map(_rounds, chain))}: make some at once, or raise the budget.",
        )
    return budget


def most_calls(steps: Sequence[Step]) -> int:
    """The largest number of upstream calls that one run can make."""
    return sum(step.most_calls for step in steps)


def longest_chain(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps that wait for each other and make the most calls one after the other; none where
    steps wait in a circle."""
    waits = {step.name: [steps[index].name for index in step.waits_for] for step in steps}
    order, cycles = order_steps(waits)
    if cycles:
        return ()
    places = {step.name: step.index for step in steps}
    chain, _ = critical_path(
        [places[name] for name in order],
        [step.waits_for for step in steps],
        [step.most_rounds for step in steps],
    )
    return tuple(steps[index] for index in chain)


def _place(own: int | None, key: str) -> Path:
    return ("endpoint",) if own is None else ("budget", key)


def _whose(own: int | None) -> str:
    return "the gateway's default" if own is None else "its"


def _rounds(step: Step) -> str:
    return step.name if step.most_rounds == 1 else f"{step.name} ({step.most_rounds})"
