"""What goes in and out, in `bff plan`: a composition's params, and what its steps send."""

from collections.abc import Iterable

from bff.plan.explain.texts import json_text, source_text
from bff.plan.model.composition import Composition
from bff.plan.model.service import BodyFormat, CompositionParam, Operation, OperationParam
from bff.plan.model.steps import Step
from bff.plan.types.algebra import describe

_JSON_FIELDS = BodyFormat("fields", "application/json")  # what most bodies are


def explain_params(composition: Composition) -> Iterable[str]:
    """A composition's params, and what its bodies are where they are no plain JSON."""
    for param in composition.params:
        place = f"{param.location}{_wire_text(param)}"
        yield f"{param.name} ({place}): {describe(param.type)}, {_presence(param)}"
    if not composition.params:
        yield "none"
    if composition.body not in (None, _JSON_FIELDS):
        yield f"body: {composition.body.media_type}"


def explain_sent(step: Step) -> Iterable[str]:
    """Each param that goes to the operation, and where its value comes from."""
    for binding in step.bindings:
        param = binding.param
        name = f"{param.name}{_wire_text(param)}"
        if binding.template is not None:
            yield f"{name}: {source_text(binding.template)}"
        elif param.default is not None:
            yield f"{name}: {json_text(param.default)} (default)"


def request_text(operation: Operation) -> str | None:
    """The request line and what the body is, where either has more than names and values."""
    body = operation.body if operation.body != _JSON_FIELDS else None
    if body is None and not operation.query:
        return None
    query = f"?{operation.query}" if operation.query else ""
    media_type = "" if body is None else f", {body.media_type}"
    return f"{operation.method} {operation.path_text}{query}{media_type}"


def _presence(param: CompositionParam) -> str:
    if param.required:
        return "required"
    return "optional" if param.default is None else f"default {json_text(param.default)}"


def _wire_text(param: CompositionParam | OperationParam) -> str:
    """The param's name on the wire and the form of its value there, where they differ from what
    its own name and type suggest."""
    if not param.wire_name:
        return " as a whole"
    if isinstance(param, OperationParam) and param.slash:
        return " with its slashes"
    is_folded = param.location == "header" and param.wire_name == param.name.lower()
    name = "" if is_folded or param.wire_name == param.name else f" as {param.wire_name}"
    is_chosen = param.location in ("query", "form") and param.style != "repeat"
    return f"{name} by {param.style}" if is_chosen else name
