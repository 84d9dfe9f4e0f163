"""What a step is to do, decided from the values that are there: nothing is called yet. Pure.

`plan_calls` gives what the step sends, or its outcome where that is nothing. Everything that can be
refused is refused here, for all elements and chunks, before the first of them is sent.

What each operation param is bound to, and which values there is no call without, is for
`bff.engine.steps.bindings`. What the client sent is refused before the first request of a
composition that writes: see `own_inputs`.
"""

from collections.abc import Hashable, Iterable, Sequence, Set
from dataclasses import replace
from typing import Any, NamedTuple

from bff.engine.payload.joins import strict_key
from bff.engine.steps.bindings import EMPTY_INPUT, bind, checked, null_input
from bff.engine.steps.disclosures import refused_caller
from bff.engine.steps.requests import Renderer, StepRequest, compile_renderer
from bff.engine.steps.texts import Unsendable
from bff.engine.values.limits import Budget
from bff.engine.values.outcomes import EMPTY_LIST, Failed, Reason, Skipped, Value, reason_of
from bff.engine.values.results import Caller
from bff.errors import EvaluationError
from bff.plan.model.expressions import Root, Template
from bff.plan.model.service import OperationParam
from bff.plan.model.steps import Batch, Fail, ForEach, Stale, Step


class CallPlan(NamedTuple):
    """The requests that a step of many calls sends, at most `at_once` of them at a time.

    Each stands beside its place among the step's `parts`: a chunk each for a batch, an element each
    for `for_each`. Parts without a request are null; those at the places `empty` are empty lists.
    `refused` are those of optional parts that can't be sent.
    """

    requests: tuple[tuple[int, StepRequest], ...]
    parts: int
    at_once: int
    empty: tuple[int, ...] = ()
    refused: tuple[tuple[int, Failed], ...] = ()


class OwnInputs(NamedTuple):
    """What a step that fails its composition sends just as the client sent it, and the
    service learns of the caller: see `own_inputs`. `render` is None where it sends no param so."""

    step: Step
    render: Renderer | None


def own_inputs(step: Step) -> OwnInputs | None:
    """What is known of the step's calls before the first of its composition. None where that is
    nothing, or can't fail the composition: `when` may skip the step, or it is not required."""
    if step.when is not None or not isinstance(step.on_failure, Fail | Stale):
        return None
    alone = _params_alone(step)
    if alone is not None:
        return OwnInputs(alone, compile_renderer(alone.operation))
    return None if step.operation.disclosure is None else OwnInputs(step, None)


def _params_alone(step: Step) -> Step | None:
    """The step with only those of its inputs that are the client's own params, passed on unchanged;
    None where it has none."""
    for_each = step.for_each if step.for_each and _own_param(step.for_each.over) else None
    bindings = tuple(
        each for each in step.bindings if _own_param(_sent_as(step, each.param.name)) is not None
    )
    if not bindings and for_each is None:
        return None
    names = {each.param.name for each in bindings}
    operation = step.operation
    return replace(
        step,
        operation=replace(
            operation,
            path=tuple(
                each for each in operation.path if isinstance(each, str) or each.name in names
            ),
            params=tuple(each.param for each in bindings),
            body=operation.body if any(_is_in_body(each.param) for each in bindings) else None,
        ),
        bindings=bindings,
        for_each=for_each,
        batch=step.batch if step.batch and step.batch.over in names else None,
    )


def _is_in_body(param: OperationParam) -> bool:
    return param.location in ("body", "form")


def refused_inputs(
    own: Sequence[OwnInputs], root: Root, budget: Budget, caller: Caller | None
) -> tuple[int, Failed] | None:
    """The index and the failure of the first step that can't be sent the client's own params, or
    whose service can't learn who calls. Nothing is sent then: whoever mends a param, or logs in,
    and repeats the request writes everything once."""
    for step, render in own:
        disclosure = step.operation.disclosure
        failed = None if disclosure is None else refused_caller(disclosure, caller)
        if failed is not None:
            return step.index, failed
        if render is None:
            continue
        planned = plan_calls(step, render, root, frozenset(), budget)
        if isinstance(planned, Failed):
            return step.index, planned
    return None


def plan_calls(
    step: Step, render: Renderer, root: Root, tainted: Set[str], budget: Budget
) -> StepRequest | CallPlan | Value | Skipped | Failed:
    """The step's one request, or its many, over the values in `root`; or its outcome, where there
    is nothing to send. `budget` is that of the run's requests."""
    try:
        if step.when is not None and not is_true(step.when.evaluate(root)):
            return Skipped("when", complete=step.when.roots.isdisjoint(tainted))
        if step.for_each is not None:
            return _plan_elements(step, step.for_each, render, root, tainted, budget)
        if step.batch is not None:
            return _plan_chunks(step, step.batch, render, root, tainted, budget)
        bound = bind(step, root, tainted, budget)
        if isinstance(bound, Skipped):
            return EMPTY_LIST if _is_empty_list(step, bound) else bound
        return render(bound, budget)
    except (EvaluationError, ValueError) as error:
        return _refusal(step, error)


def is_true(value: Any) -> bool:
    """Truth as JMESPath has it: false, null and what is empty are not; 0 is."""
    return bool(value) or (value == 0 and type(value) in (int, float))


def _sent_as(step: Step, name: str) -> Template | None:
    """What the step sends as the operation's param `name`; of an element, the list of all."""
    template = next(each.template for each in step.bindings if each.param.name == name)
    each = step.for_each
    if template is None or each is None or template.reference is None:
        return template
    return each.over if template.reference.path == (each.as_name,) else template


def _unsendable(template: Template | None, error: Unsendable) -> Failed:
    """The client's fault where its own param is sent just as it came, and else the step's."""
    param = _own_param(template)
    if param is None:
        return _refused(error.reason, error)
    refused = (param, error.what)
    return Failed(Reason.BAD_PARAM, detail=str(error), was_sent=False, refused=refused)


def _own_param(template: Template | None) -> str | None:
    """The param of the client whose value, or a field of it, the template is."""
    path = () if template is None or template.reference is None else template.reference.path
    return path[1] if len(path) > 1 and path[0] == "params" else None


def _plan_chunks(
    step: Step, batch: Batch, render: Renderer, root: Root, tainted: Set[str], budget: Budget
) -> CallPlan | Skipped | Failed:
    bound = bind(step, root, tainted, budget, batch.over)
    if isinstance(bound, Skipped):
        return CallPlan((), 0, 0) if bound is EMPTY_INPUT else bound
    elements: Iterable[Any] = _list(bound[batch.over])
    if not step.operation.writes:
        # Nulls stand for nothing that could be read, as in a projection, which drops them too.
        elements = (each for each in elements if each is not None)
    distinct = _distinct(elements, batch.max)
    if distinct is None:
        return _too_many(f"more than {batch.max} distinct elements")
    param = next(each.param for each in step.bindings if each.param.name == batch.over)
    chunks = [distinct[start : start + batch.size] for start in range(0, len(distinct), batch.size)]
    requests: list[tuple[int, StepRequest]] = []
    refused: list[tuple[int, Failed]] = []
    for place, chunk in enumerate(chunks):
        try:
            request = render({**bound, batch.over: checked(param, chunk)}, budget)
            requests.append((place, request))
        except (EvaluationError, ValueError) as error:
            refused.append((place, _part_refusal(step, error)))
    return CallPlan(tuple(requests), len(chunks), len(requests), refused=tuple(refused))


def _plan_elements(
    step: Step, for_each: ForEach, render: Renderer, root: Root, tainted: Set[str], budget: Budget
) -> CallPlan | Skipped | Failed:
    over = for_each.over.evaluate(root)
    if over is None and step.operation.writes:
        return _unsendable(for_each.over, Unsendable("for_each.over", "must have a value"))
    if over is None:
        return null_input(for_each.over, tainted)
    elements = _list(over)
    if len(elements) > for_each.max:
        return _too_many(f"{len(elements)} elements, at most {for_each.max} are allowed")
    inner = dict(root)
    requests: list[tuple[int, StepRequest]] = []
    empty: list[int] = []
    refused: list[tuple[int, Failed]] = []
    for place, element in enumerate(elements):
        inner[for_each.as_name] = element
        try:
            bound = bind(step, inner, tainted, budget)
            if not isinstance(bound, Skipped):
                requests.append((place, render(bound, budget)))
            elif _is_empty_list(step, bound):
                empty.append(place)
        except (EvaluationError, ValueError) as error:
            refused.append((place, _part_refusal(step, error)))
    at_once = min(for_each.concurrency, len(requests))
    return CallPlan(tuple(requests), len(elements), at_once, tuple(empty), tuple(refused))


def _part_refusal(step: Step, error: EvaluationError | ValueError) -> Failed:
    """The failure of an element or a chunk that can't be sent. Raises the error where that is the
    failure of the step."""
    if not step.has_optional_parts:
        raise error
    return _refusal(step, error)


def _is_empty_list(step: Step, skipped: Skipped) -> bool:
    gives_list = step.operation.returns_list or step.pages is not None
    return skipped is EMPTY_INPUT and gives_list


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("what is iterated over is no list")
    return value


def _distinct(elements: Iterable[Any], most: int) -> list[Any] | None:
    """The distinct elements, in order; None for more than `most`, whatever the rest may be."""
    found: dict[Hashable, Any] = {}
    for each in elements:
        found[strict_key(each)] = each
        if len(found) > most:
            return None
    return list(found.values())


def _refusal(step: Step, error: EvaluationError | ValueError) -> Failed:
    """The failure of what can't be evaluated or sent."""
    match error:
        case EvaluationError():
            return _refused(reason_of(error), error)
        case Unsendable():
            return _unsendable(_sent_as(step, error.param), error)
        case _:
            return _refused(Reason.BAD_INPUT, error)


def _too_many(detail: str) -> Failed:
    return Failed(Reason.TOO_MANY, detail=detail, was_sent=False)


def _refused(reason: Reason, error: Exception) -> Failed:
    return Failed(reason, detail=str(error), was_sent=False)
