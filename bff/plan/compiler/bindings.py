"""What a step sends: each operation param bound to a template, a default, or nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bff.declarations.suggestions import known_names, nearest
from bff.plan.compiler.claims import may_give_null
from bff.plan.compiler.values import ExpressionScope, compile_value, is_constant
from bff.plan.expressions.grammar.templates import Embedded, split_template
from bff.plan.model.composition import Binding, Template
from bff.plan.model.service import Operation, OperationParam
from bff.plan.params.sendable import wrong_in_part
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, describe, fits, without_null


def compile_bindings(
    scope: ExpressionScope,
    operation: Operation,
    declared: Mapping[str, Any],
    path: Path,
    *,
    is_known: bool,
) -> tuple[Binding, ...]:
    """Compile a step's `with:`; `path` is the step's. Problems are reported.

    `is_known` says whether both sides are: the operation's params, and what is bound to them. What
    is bound under an unknown name is there too, to a param that takes anything.
    """
    params = {param.name: param for param in operation.params}
    meant = _meant(params, declared)
    bound: dict[str, Binding] = {}
    for name, value in declared.items():
        at: Path = (*path, "with", name)
        found = len(scope.problems)
        template = compile_value(scope, value, at)
        param = params.get(name)
        if param is not None:
            bound[name] = Binding(param, _fitted(scope, param, template, at))
            if len(scope.problems) == found:
                _report_unsendable(scope, param, value, at)
            continue
        bound[name] = Binding(_param_of_anything(name), template)
        if is_known:
            what = f"{operation.name} has no param '{name}'"
            mend = known_names(name, params)
            if name in meant and nearest(name, params) is None:
                mend = f"{mend} Did you mean '{meant[name]}'?"
            scope.report_key(at, what, mend)
    told = {*declared, *meant.values()}
    for name, param in params.items():
        if name not in told and must_be_bound(param) and is_known:
            scope.report(
                (*path, "call"), f"{operation.name} needs the param '{name}'",
                f"Bind it: with: {{{name}: …}}.",
            )  # fmt: skip
    unbound = {name: Binding(param, None) for name, param in params.items()}
    return tuple((unbound | bound).values())


def must_be_bound(param: OperationParam) -> bool:
    """Whether there is no call without a value for the param."""
    return param.location == "path" or (param.required and param.default is None)


def may_skip(bindings: tuple[Binding, ...]) -> bool:
    """Whether a null could keep the step from being called (semantic 3 of the design)."""
    return any(
        binding.template is not None
        and _skips_on_null(binding.param)
        and may_give_null(binding.template)
        for binding in bindings
    )


def _meant(params: Mapping[str, OperationParam], declared: Mapping[str, Any]) -> dict[str, str]:
    """What unknown names stand for: the nearest open param, or else, where one name and one param
    that must be bound are left over, that one."""
    open_names = params.keys() - declared.keys()
    unknown = declared.keys() - params.keys()
    guesses = {name: nearest(name, open_names) for name in unknown}
    needed = [name for name in open_names if must_be_bound(params[name])]
    if len(unknown) == len(needed) == 1 and all(nearest(name, params) is None for name in unknown):
        guesses = dict.fromkeys(unknown, needed[0])
    return {name: guess for name, guess in guesses.items() if guess is not None}


def _report_unsendable(
    scope: ExpressionScope, param: OperationParam, value: Any, path: Path
) -> None:
    """Report what stands around expressions and can't be sent, whatever the expressions give."""
    texts: dict[Path, Any] = {path: value}
    if isinstance(value, list):
        texts = {(*path, index): each for index, each in enumerate(value)}
    for at, text in texts.items():
        if not isinstance(text, str) or not scope.knows(at):
            continue
        parts = split_template(text)
        position = 0
        for index, part in enumerate(parts):
            if isinstance(part, Embedded):
                position = part.start + len(part.source) + len("}")
                continue
            ends = (index == 0, index == len(parts) - 1)
            what = wrong_in_part(part, ends, param.location, comma=param.comma, slash=param.slash)
            if what is not None:
                scope.report_in_text(at, position, f"{param.name} {what}", "Bind what can be sent.")
            position += len(part)


def _skips_on_null(param: OperationParam) -> bool:
    return param.location == "path" or param.required


def _fitted(
    scope: ExpressionScope, param: OperationParam, template: Template, path: Path
) -> Template:
    """The template; one that does not fit is told, and gives anything from there on."""
    problem = _misfit(param, template)
    if problem is None:
        return template
    scope.report(path, *problem)
    return replace(template, type=t.ANYTHING)


def _misfit(param: OperationParam, template: Template) -> tuple[str, str] | None:
    """What keeps the param from taking the template's values, and how to mend it."""
    if template.type == t.NULL:
        if not _skips_on_null(param):
            return None
        return (
            f"null for the param '{param.name}', without which there is no call: the step would"
            " always be skipped",
            "Bind a value to it.",
        )
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
        told = describe if brief(template.type) == brief(wanted) else brief
        what = f"{told(template.type)} does not fit the param '{param.name}'"
        return f"{what}, which takes {told(wanted)}", ""
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
        comma=False,
        slash=False,
        check=lambda value: value,
    )
