"""Compiles what a step declares of its service's statuses, and the members of error replies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from bff.declarations.models.statuses import ErrorReplyDecl
from bff.plan.compiler.roots import ERROR, root_of_error_reply
from bff.plan.compiler.values import ExpressionScope, check_keys, compile_value, is_constant
from bff.plan.model.service import Operation
from bff.plan.model.steps import ErrorReply, StatusMeaning
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import nullable


def compile_statuses(
    scope: ExpressionScope,
    operation: Operation,
    declared: Mapping[str, Literal["fail"] | ErrorReplyDecl | None],
    path: Path,
    *,
    knows_errors: bool,
) -> dict[int, StatusMeaning]:
    """The `statuses` at `path`, of a step; `knows_errors` states whether the operation's `errors`
    are known."""
    compiled: dict[int, StatusMeaning] = {}
    for key, meaning in declared.items():
        status = int(key)
        match meaning:
            case None:
                compiled[status] = "null"
            case "fail":
                compiled[status] = "fail"
            case ErrorReplyDecl():
                compiled[status] = _compile_error_reply(
                    scope, operation, status, meaning, (*path, key, "with"),
                    knows_errors=knows_errors,
                )  # fmt: skip
    return compiled


def _compile_error_reply(
    scope: ExpressionScope,
    operation: Operation,
    status: int,
    declared: ErrorReplyDecl,
    path: Path,
    *,
    knows_errors: bool,
) -> ErrorReply:
    body = operation.errors.get(status)
    error = t.ANYTHING if body is None else body.schema.type
    inner = replace(scope, root=root_of_error_reply(scope.root, error))
    check_keys(scope, declared.with_, path)
    members = {
        name: compile_value(inner, value, (*path, name)) for name, value in declared.with_.items()
    }
    readers = [name for name, template in members.items() if ERROR in template.roots]
    if body is None and knows_errors:
        for name in readers:
            scope.report(
                (*path, name), f"{operation.name} describes no body of a {status}",
                f"Give it a type: errors: {{{status}: schemas.…:…}} of the operation."
                if status >= 300
                else "Such a reply has none: leave `error` out.",
            )  # fmt: skip
    fields = (
        (name, t.Field(each.type if is_constant(each) else nullable(each.type)))
        for name, each in members.items()
    )
    return ErrorReply(declared.reply, members, body if readers else None, t.ObjectOf(tuple(fields)))
