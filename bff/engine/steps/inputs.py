"""What a step is to do, decided from the values that are there: nothing is called yet. Pure.

`plan_calls` gives the requests to send, or the outcome of a step that needs none. Everything that
can be refused is refused here, for all elements and chunks, before the first of them is sent.

A step's own null is told from one that stems from a failure by *tainted* names: the steps that
failed, or were skipped because one of theirs did.
"""

import re
from collections.abc import Hashable, Set
from typing import Any, Literal, NamedTuple

from bff.engine.payload.joins import strict_key
from bff.engine.steps.requests import Rendered, Renderer, Unsendable
from bff.engine.values.outcomes import Failed, Reason, Skipped, reason_of
from bff.errors import EvaluationError
from bff.plan.model.composition import Batch, Binding, ForEach, Root, Step, Template
from bff.plan.model.service import OperationParam

# An expression that is a param, or a field of one, and nothing else.
_PARAM_ALONE = re.compile(r'\$\{params\.(\w+|"[^"\\]+")(?:\.\w+)*\}')


class Calls(NamedTuple):
    """The requests that a step sends, at most `at_once` of them at a time.

    Each stands beside its place among the step's `parts`: 1 for a plain step, a chunk each for a
    batch, an element each for `for_each`. Parts without a request are null.
    """

    requests: tuple[tuple[int, Rendered], ...]
    parts: int
    at_once: int


def plan_calls(
    step: Step, render: Renderer, root: Root, tainted: Set[str]
) -> Calls | Skipped | Failed:
    """The step's calls over the values in `root`."""
    try:
        if step.when is not None and not is_true(step.when.evaluate(root)):
            return _skipped("when", step.when, tainted)
        if step.for_each is not None:
            return _plan_elements(step, step.for_each, render, root, tainted)
        if step.batch is not None:
            return _plan_chunks(step, step.batch, render, root, tainted)
        bound = bind(step.bindings, root)
        if isinstance(bound, Template):
            return _skipped("null input", bound, tainted)
        return Calls(((0, render(bound)),), 1, 1)
    except EvaluationError as error:
        return _refused(reason_of(error), error)
    except Unsendable as error:
        param = _clients_param(step, error.param)
        if param is not None:
            return Failed(
                Reason.BAD_PARAM, detail=str(error), was_sent=False, refused=(param, error.what)
            )
        return _refused(Reason.BAD_INPUT, error)
    except ValueError as error:
        return _refused(Reason.BAD_INPUT, error)


def is_true(value: Any) -> bool:
    """Truth as JMESPath has it: false, null and what is empty are not; 0 is."""
    return bool(value) or (value == 0 and type(value) in (int, float))


def bind(
    bindings: tuple[Binding, ...], root: Root, over: str | None = None
) -> dict[str, Any] | Template:
    """Each operation param's JSON value, or the template whose null forbids the call.

    `over` is the param that a batch divides: it is checked chunk by chunk, and its null forbids
    the call even where it is optional. Raises `EvaluationError`, and `Unsendable` for a value that
    breaks a param's constraints.
    """
    values: dict[str, Any] = {}
    for binding in bindings:
        param, template = binding.param, binding.template
        if template is None:
            if param.default is not None:
                values[param.name] = param.default
            continue
        value = template.evaluate(root)
        if value is None:
            if param.required or param.location == "path" or param.name == over:
                return template
        else:
            values[param.name] = value if param.name == over else _checked(param, value)
    return values


def _checked(param: OperationParam, value: Any) -> Any:
    try:
        return param.check(value)
    except ValueError as error:
        raise Unsendable(param.name, str(error)) from None


def _clients_param(step: Step, sent_as: str) -> str | None:
    """The composition's param that is sent as this operation's param, just as it came; None where
    the composition has made anything of it, so that the client is not to blame."""
    template = next(each.template for each in step.bindings if each.param.name == sent_as)
    if template is None:
        return None
    if step.for_each is not None and template.source == f"${{{step.for_each.as_name}}}":
        template = step.for_each.over
    param = _PARAM_ALONE.fullmatch(template.source)
    return None if param is None else param[1].strip('"')


def _plan_chunks(
    step: Step, batch: Batch, render: Renderer, root: Root, tainted: Set[str]
) -> Calls | Skipped | Failed:
    bound = bind(step.bindings, root, batch.over)
    if isinstance(bound, Template):
        return _skipped("null input", bound, tainted)
    elements = _list(bound[batch.over])
    distinct = _distinct(elements, batch.max)
    if distinct is None:
        return _too_many(f"more than {batch.max} distinct elements")
    param = next(each.param for each in step.bindings if each.param.name == batch.over)
    chunks = [
        _checked(param, distinct[start : start + batch.size])
        for start in range(0, len(distinct), batch.size)
    ]
    requests = tuple(
        (place, render({**bound, batch.over: chunk})) for place, chunk in enumerate(chunks)
    )
    return Calls(requests, len(chunks), len(chunks))


def _plan_elements(
    step: Step, for_each: ForEach, render: Renderer, root: Root, tainted: Set[str]
) -> Calls | Skipped | Failed:
    over = for_each.over.evaluate(root)
    if over is None:
        return _skipped("null input", for_each.over, tainted)
    elements = _list(over)
    if len(elements) > for_each.max:
        return _too_many(f"{len(elements)} elements, at most {for_each.max} are allowed")
    inner = dict(root)
    requests: list[tuple[int, Rendered]] = []
    for place, element in enumerate(elements):
        inner[for_each.as_name] = element
        bound = bind(step.bindings, inner)
        if not isinstance(bound, Template):
            requests.append((place, render(bound)))
    return Calls(tuple(requests), len(elements), min(for_each.concurrency, len(requests)))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("what is iterated over is no list")
    return value


def _skipped(
    reason: Literal["when", "null input"], because: Template, tainted: Set[str]
) -> Skipped:
    return Skipped(reason, complete=because.roots.isdisjoint(tainted))


def _distinct(elements: list[Any], most: int) -> list[Any] | None:
    """The distinct elements, in order; None for more than `most`, whatever the rest may be. Nulls
    stand for nothing that could be asked for, as in a projection, which drops them too."""
    found: dict[Hashable, Any] = {}
    for each in elements:
        if each is not None:
            found[strict_key(each)] = each
            if len(found) > most:
                return None
    return list(found.values())


def _too_many(detail: str) -> Failed:
    return Failed(Reason.TOO_MANY, detail=detail, was_sent=False)


def _refused(reason: Reason, error: Exception) -> Failed:
    return Failed(reason, detail=str(error), was_sent=False)
