"""Compiles `batch` and `for_each`: the list that they go over, and the type of their value."""

from dataclasses import replace

from bff.declarations.models.step import BatchDecl, ForEachDecl
from bff.declarations.suggestions import known_names
from bff.plan.compiler.values import ExpressionScope, compile_expression, compile_single
from bff.plan.model.service import Operation
from bff.plan.model.steps import Batch, Binding, ForEach
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, resolved, without_null


def compile_batch(
    scope: ExpressionScope,
    operation: Operation,
    bindings: tuple[Binding, ...],
    declared: BatchDecl,
    path: Path,
) -> tuple[Batch, t.Type]:
    """The batch, and the type of the joined list. `path` is the step's."""
    at: Path = (*path, "batch")
    _check_over(scope, bindings, declared, at)
    selected: t.Type = operation.returns.type
    select = None
    if not scope.knows((*at, "select")):
        selected = t.ANYTHING
    elif declared.select is not None:
        chunk = replace(scope, root=_as_object(operation.returns.type))
        select = compile_expression(chunk, declared.select, (*at, "select"))
        selected = select.type
    if not isinstance(resolved(without_null(selected)), t.ListOf | t.Anything):
        where = (*at, "select") if declared.select is not None else at
        scope.report(
            where, f"a batch joins lists, and this is {brief(selected)}",
            "Say with `select` which list of the reply is meant.",
        )  # fmt: skip
    element = resolved(without_null(selected))
    joined = element if isinstance(element, t.ListOf) else t.ListOf(t.ANYTHING)
    batch = Batch(
        declared.over,
        declared.size,
        declared.max,
        select,
        declared.select,
        declared.on_failure == "optional",
    )
    return batch, joined


def _check_over(
    scope: ExpressionScope, bindings: tuple[Binding, ...], declared: BatchDecl, at: Path
) -> None:
    if not scope.knows((*at, "over")) or not scope.knows((*at[:-1], "with")):
        return
    bound = {each.param.name: each for each in bindings if each.template is not None}
    missed = {each.param.name for each in bindings if each.param.required} - bound.keys()
    binding = bound.get(declared.over)
    if declared.over in missed:  # reported already
        return
    if binding is None:
        scope.report(
            (*at, "over"), f"'{declared.over}' is no param bound in `with`",
            known_names(declared.over, bound),
        )  # fmt: skip
    elif not binding.param.is_list and binding.param.type != t.ANYTHING:
        scope.report(
            (*at, "over"),
            f"the param '{declared.over}' takes one value, not a list",
            "A batch divides a list; for single values use for_each.",
        )  # fmt: skip


def compile_for_each(
    scope: ExpressionScope, declared: ForEachDecl, taken: frozenset[str], path: Path
) -> tuple[ForEach, ExpressionScope]:
    """The iteration, and the scope of its bindings, in which the element stands under its name.
    `taken` are the root names that the element's name may not hide."""
    at: Path = (*path, "for_each")
    over = compile_single(scope, declared.over, (*at, "over"))
    name = declared.as_
    if name in taken:
        scope.report(
            (*at, "as"), f"'{name}' is a name that expressions know already",
            "Choose another.",
        )  # fmt: skip
    element: t.Type = t.ANYTHING
    match resolved(without_null(over.type)):
        case t.ListOf(each):
            element = each if name not in taken else t.ANYTHING
        case t.Anything():
            pass
        case other:
            scope.report(
                (*at, "over"),
                f"for_each goes over a list, and this is {brief(other)}",
            )
    extra = scope.root.extra if scope.knows((*at, "as")) else t.ANYTHING
    others = tuple(each for each in scope.root.fields if each[0] != name)
    inner = t.ObjectOf((*others, (name, t.Field(element))), extra)
    compiled = ForEach(
        over, name, declared.concurrency, declared.max, declared.on_failure == "optional"
    )
    return compiled, replace(scope, root=inner)


def _as_object(inferred: t.Type) -> t.ObjectOf:
    """The root of `select`: the reply itself."""
    match resolved(inferred):
        case t.ObjectOf() as found:
            return found
        case _:
            return t.ObjectOf(extra=t.ANYTHING)
