"""Compiles what a step sends: each operation param bound to a template, a default, or nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from bff.declarations.documents import Document
from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.step import StepDecl
from bff.declarations.suggestions import known_names, nearest
from bff.plan.compiler.paging import sent_by_pages
from bff.plan.compiler.roots import may_give_null
from bff.plan.compiler.values import ExpressionScope, compile_value, constant, is_constant
from bff.plan.expressions.grammar.templates import Interpolation, split_template
from bff.plan.model.expressions import Template
from bff.plan.model.service import Operation, OperationParam
from bff.plan.model.steps import Binding
from bff.plan.params.sendable import wrong_in_part
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, describe, fits, without_null

SkippingValue = Literal["null", "empty"]


def compile_bindings(
    scope: ExpressionScope,
    operation: Operation,
    declared: StepDecl,
    path: Path,
    *,
    is_known: bool,
) -> tuple[Binding, ...]:
    """Compile a step's `with:`; `path` is the step's.

    `is_known` states whether both sides are known: the operation's params, and the values that are
    bound to them. A value under an unknown name is bound too, to a param that takes anything.
    """
    over = declared.batch.over if declared.batch is not None else None
    values = declared.with_
    params = {param.name: param for param in operation.params}
    meant = _meant(params, values)
    bound = {
        name: Binding(params[name], constant(value))
        for name, value in sent_by_pages(declared.paginate).items()
        if name in params
    }
    for name, value in values.items():
        at: Path = (*path, "with", name)
        found = len(scope.problems)
        template = compile_value(scope, value, at)
        param = params.get(name)
        if param is not None:
            fitted = _fitted(scope, operation, param, template, at)
            skips = frozenset[SkippingValue]()
            if len(scope.problems) == found:
                _report_unsendable(scope, param, value, at)
                if not operation.writes and (param.required or name == over):
                    skips = _skipping_values(scope.document, param, value, fitted)
            bound[name] = Binding(param, fitted, skips)
            continue
        bound[name] = Binding(_param_of_anything(name), template)
        if is_known:
            what = f"{operation.name} has no param '{name}'"
            mend = known_names(name, params)
            if name in meant and nearest(name, params) is None:
                mend = f"{mend} Did you mean '{meant[name]}'?"
            scope.report_key(at, what, mend)
    of_pages = None if declared.paginate is None else declared.paginate.param
    reported = {*values, *meant.values(), of_pages}
    for name, param in params.items():
        if name not in reported and param.required and is_known:
            scope.report(
                (*path, "call"), f"{operation.name} needs the param '{name}'",
                f"Bind it: with: {{{name}: …}}.",
            )  # fmt: skip
    unbound = {name: Binding(param, None) for name, param in params.items()}
    return tuple((unbound | bound).values())


def _skipping_values(
    document: Document[CompositionFile], param: OperationParam, value: Any, template: Template
) -> frozenset[SkippingValue]:
    """The values without which there is no call, of those that the template is known to have."""
    found: set[SkippingValue] = set()
    if may_give_null(template):
        found.add("null")
    if param.is_list and _may_give_empty_list(document, value, template):
        found.add("empty")
    return frozenset(found)


def _may_give_empty_list(
    document: Document[CompositionFile], value: Any, template: Template
) -> bool:
    if is_constant(template):
        return bool(template.evaluate({}) == [])
    if isinstance(value, list) or not any(
        isinstance(each, t.ListOf | t.Anything) for each in alternatives(template.type)
    ):
        return False
    path = () if template.reference is None else template.reference.path
    declared = document.model
    if len(path) != 2 or path[0] != "params" or path[1] not in declared.params:
        return True
    param, location = declared.params[path[1]], declared.locations()[path[1]]
    # A list that comes as texts, in a query or a header, has an element at least.
    return param.default == [] or (location == "body" and not param.min_items)


def _takes_null(param: OperationParam) -> bool:
    """Whether the param's type has null in it."""
    try:
        param.check(None)
    except ValueError:
        return False
    return True


def _meant(params: Mapping[str, OperationParam], declared: Mapping[str, Any]) -> dict[str, str]:
    """The params that unknown names stand for: the nearest unbound one, or else, where one name and
    one required param are left over, that param."""
    open_names = params.keys() - declared.keys()
    unknown = declared.keys() - params.keys()
    guesses = {name: nearest(name, open_names) for name in unknown}
    needed = [name for name in open_names if params[name].required]
    if len(unknown) == len(needed) == 1 and all(nearest(name, params) is None for name in unknown):
        guesses = dict.fromkeys(unknown, needed[0])
    return {name: guess for name, guess in guesses.items() if guess is not None}


def _report_unsendable(
    scope: ExpressionScope, param: OperationParam, value: Any, path: Path
) -> None:
    """Report text beside expressions that can't be sent, whatever the values of the expressions."""
    texts: dict[Path, Any] = {path: value}
    if isinstance(value, list):
        texts = {(*path, index): each for index, each in enumerate(value)}
    for at, text in texts.items():
        if not isinstance(text, str) or not scope.knows(at):
            continue
        parts = split_template(text)
        position = 0
        for index, part in enumerate(parts):
            if isinstance(part, Interpolation):
                position = part.start + len(part.source) + len("}")
                continue
            ends = (index == 0, index == len(parts) - 1)
            what = wrong_in_part(part, ends, param.location, param.style, slash=param.slash)
            if what is not None:
                scope.report_in_text(at, position, f"{param.name} {what}", "Bind what can be sent.")
            position += len(part)


def _fitted(
    scope: ExpressionScope,
    operation: Operation,
    param: OperationParam,
    template: Template,
    path: Path,
) -> Template:
    """The template. One that does not fit is reported, and may be anything from there on."""
    problem = _misfit(operation, param, template)
    if problem is None:
        return template
    scope.report(path, *problem)
    return replace(template, type=t.ANYTHING)


def _misfit(
    operation: Operation, param: OperationParam, template: Template
) -> tuple[str, str] | None:
    """Why the param can't take the template's values, and how to mend it."""
    if template.type == t.NULL and param.required:
        if operation.writes and param.location == "body" and _takes_null(param):
            return None
        ends = "fail" if operation.writes else "be skipped"
        what = f"null for the param '{param.name}', which needs a value: the step would always"
        return f"{what} {ends}", "Bind a value to it."
    wanted = without_null(param.type)
    if is_constant(template):
        value = template.evaluate({})
        try:
            if value is not None:
                param.check(value)
        except ValueError as error:
            return f"{param.name} {error}", ""
    elif not fits(without_null(template.type), wanted):
        # the two forms of one schema have one name
        text = describe if brief(template.type) == brief(wanted) else brief
        what = f"{text(template.type)} does not fit the param '{param.name}'"
        return f"{what}, which takes {text(wanted)}", ""
    return None


def _param_of_anything(name: str) -> OperationParam:
    return OperationParam(
        name=name,
        location="query",
        wire_name=name,
        type=t.ANYTHING,
        required=False,
        default=None,
        is_list=True,
        style="repeat",
        slash=False,
        check=lambda value: value,
    )
