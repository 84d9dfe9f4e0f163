"""A composition ready to run: which step waits for which, and how its requests are made.

Computed once per composition, so that a run only counts down and looks up. Immutable.
"""

from collections import Counter
from dataclasses import dataclass

from bff.engine.steps.bodies import fallback_value
from bff.engine.steps.equal_calls import request_shape
from bff.engine.steps.inputs import OwnInputs, own_inputs
from bff.engine.steps.requests import Renderer, compile_renderer
from bff.engine.steps.shared_calls import ReplyKeyRecipe
from bff.engine.values.outcomes import NULL, Value
from bff.plan.model.composition import Composition
from bff.plan.model.steps import Fallback, Step


@dataclass(frozen=True, slots=True)
class PreparedStep:
    """A step; the indexes of the steps that wait for it, in declared order; its value if it fails;
    the keys of its replies, where they are stored. `may_be_equal`: a run may make one of its calls
    twice."""

    step: Step
    render: Renderer
    dependents: tuple[int, ...]
    when_failed: Value
    reply_key: ReplyKeyRecipe | None
    may_be_equal: bool


@dataclass(frozen=True, slots=True)
class PreparedComposition:
    """`waits` counts, for each step, the steps that must be settled before it begins. `own_inputs`
    are checked before the first request is sent; there are none where the composition reads."""

    composition: Composition
    steps: tuple[PreparedStep, ...]
    waits: tuple[int, ...]
    first: tuple[int, ...]  # the steps that wait for none
    own_inputs: tuple[OwnInputs, ...]


def prepare(composition: Composition) -> PreparedComposition:
    """Turn the plan's graph around. Steps of a composition that writes wait for all before them."""
    waits_for = [
        tuple(range(step.index)) if composition.writes else step.waits_for
        for step in composition.steps
    ]
    shapes = Counter(request_shape(step.operation) for step in composition.steps)
    steps = tuple(
        PreparedStep(
            step,
            compile_renderer(step.operation),
            tuple(other for other, needed in enumerate(waits_for) if step.index in needed),
            fallback_value(step, step.on_failure)
            if isinstance(step.on_failure, Fallback)
            else NULL,
            None
            if step.cache is None
            else ReplyKeyRecipe(step.operation, step.cache, composition.namespace),
            # After a write the same call may have another answer.
            not composition.writes
            and (step.for_each is not None or shapes[request_shape(step.operation)] > 1),
        )
        for step in composition.steps
    )
    waits = tuple(len(needed) for needed in waits_for)
    first = tuple(index for index, count in enumerate(waits) if count == 0)
    own = tuple(
        found
        for step in composition.steps
        if composition.writes and (found := own_inputs(step)) is not None
    )
    return PreparedComposition(composition, steps, waits, first, own)
