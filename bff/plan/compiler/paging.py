"""Compiles `paginate`: by what pages follow each other, and the type of the whole list."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bff.declarations.models.paging import PaginateDecl
from bff.declarations.suggestions import known_names
from bff.plan.compiler.roots import root_of_page
from bff.plan.compiler.values import ExpressionScope, compile_single
from bff.plan.model.expressions import Template
from bff.plan.model.service import Operation, OperationParam, Service
from bff.plan.model.steps import ByCursor, ByLink, ByOffset, ByPage, Pages
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, fits, resolved, union, without_null


def sent_by_pages(declared: PaginateDecl | None) -> Mapping[str, Any]:
    """What the first call sends as the param of the pages: where `with` has no place for it."""
    if declared is None or declared.param is None:
        return {}
    match declared.by:
        case "page":
            return {declared.param: declared.first}
        case "offset":
            return {declared.param: 0}
        case _:
            return {}


def compile_pages(
    scope: ExpressionScope,
    operation: Operation,
    declared: PaginateDecl,
    service: Service | None,
    path: Path,
) -> tuple[Pages | None, t.Type]:
    """The pages, and the type of the list of all items. `path` is the step's; the operation's
    `service` is None where it is not known. Without pages there is a problem."""
    at: Path = (*path, "paginate")
    if operation.writes:
        scope.report_key(at, f"{operation.name} writes, and pages are read", "Leave it out.")
    page = replace(scope, root=root_of_page(operation.returns.type))
    items, whole = _compile_items(page, operation, declared, at)
    by = _compile_way(page, operation, declared, service, at)
    if by is None:
        return None, whole
    pages = Pages(by, items, declared.max_pages, declared.max_items, declared.truncate)
    return pages, whole


def _compile_items(
    page: ExpressionScope, operation: Operation, declared: PaginateDecl, at: Path
) -> tuple[Template | None, t.Type]:
    items, where = None, at
    found = operation.returns.type
    if not page.knows((*at, "items")):
        return None, t.ListOf(t.ANYTHING)
    if declared.items is not None:
        where = (*at, "items")
        items = compile_single(page, declared.items, where)
        found = items.type
    match resolved(without_null(found)):
        case t.ListOf() as whole:
            return items, whole
        case t.Anything():
            return items, t.ListOf(t.ANYTHING)
        case other:
            page.report(
                where, f"pages are joined to one list, and this is {brief(other)}",
                'Say which list of a reply is meant: items: "${reply.items}".',
            )  # fmt: skip
            return items, t.ListOf(t.ANYTHING)


def _compile_way(
    page: ExpressionScope,
    operation: Operation,
    declared: PaginateDecl,
    service: Service | None,
    at: Path,
) -> ByCursor | ByPage | ByOffset | ByLink | None:
    if not page.knows((*at, "by")):
        return None
    following = None
    if declared.next is not None and declared.by in ("cursor", "link"):
        following = compile_single(page, declared.next, (*at, "next"))
    if declared.by == "link":
        if following is not None:
            _check_link(page, following, at)
        additions = None if service is None else service.additions
        added = () if additions is None else additions.query
        return ByLink(following, frozenset(name for name, _ in added))
    param = None if service is None else _find_param(page, operation, declared, at)
    if param is None:
        return None
    match declared.by:
        case "cursor" if following is not None:
            _check_cursor(page, param, following, at)
            return ByCursor(param, following)
        case "page":
            _check_number(page, param, declared.first, at)
            return ByPage(param, declared.first)
        case "offset" if declared.size is not None:
            _check_number(page, param, 0, at)
            return ByOffset(param, declared.size)
        case _:
            return None


def _find_param(
    page: ExpressionScope, operation: Operation, declared: PaginateDecl, at: Path
) -> OperationParam | None:
    if declared.param is None or not page.knows((*at, "param")):
        return None
    params = {each.name: each for each in operation.params}
    param = params.get(declared.param)
    if param is None:
        what = f"{operation.name} has no param '{declared.param}'"
        page.report((*at, "param"), what, known_names(declared.param, params))
    elif declared.param in page.document.model.steps[at[1]].with_:
        page.report_key(
            (*at[:-1], "with", declared.param), f"`paginate` gives '{declared.param}' its values",
            "Leave it out here.",
        )  # fmt: skip
    return param


def _check_cursor(
    page: ExpressionScope, param: OperationParam, following: Template, at: Path
) -> None:
    if param.required:
        page.report(
            (*at, "param"), f"'{param.name}' is required, and the first call has no cursor",
            "Make it optional in the service's file: required: false.",
        )  # fmt: skip
    # False ends the list, as in `reply.has_more && reply.last_id`.
    found = union(*(each for each in alternatives(following.type) if not _ends(each)))
    if not fits(found, without_null(param.type)):
        page.report(
            (*at, "next"),
            f"{brief(found)} does not fit the param '{param.name}', which takes"
            f" {brief(without_null(param.type))}",
        )  # fmt: skip


def _check_link(page: ExpressionScope, following: Template, at: Path) -> None:
    found = union(*(each for each in alternatives(following.type) if not _ends(each)))
    if not fits(found, t.STRING):
        page.report(
            (*at, "next"), f"a link is a text, and this is {brief(found)}",
            "Name the field that has the next page's address.",
        )  # fmt: skip


def _ends(each: t.Type) -> bool:
    return each in (t.NULL, t.BOOLEAN) or each == t.Constant(False)


def _check_number(page: ExpressionScope, param: OperationParam, first: int, at: Path) -> None:
    if not fits(t.INTEGER, without_null(param.type)):
        page.report(
            (*at, "param"), f"'{param.name}' takes {brief(without_null(param.type))}, no integer",
            "Name the param that takes the number.",
        )  # fmt: skip
        return
    try:
        param.check(first)
    except ValueError as error:
        page.report((*at, "param"), f"'{param.name}' {error}, and the first call sends {first}")
