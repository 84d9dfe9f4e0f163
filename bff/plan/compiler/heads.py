"""Compiles the `status` and the `headers` of a composition to one function of the values."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from bff.declarations.models.composition import CompositionFile
from bff.declarations.models.heads import STATUSES
from bff.errors import EvaluationError, TooLargeError
from bff.plan.compiler.outgoing_headers import MOST_BYTES, compile_header
from bff.plan.compiler.values import ExpressionScope, compile_single, constant, is_constant
from bff.plan.model.expressions import Root, Template
from bff.plan.model.payload import Head, ReplyHead
from bff.plan.reporter import Path
from bff.plan.types import kinds as t
from bff.plan.types.algebra import alternatives, brief, fits, may_be_null

_REDIRECTS: Final = tuple(status for status in STATUSES if status >= 300)


def compile_head(
    scope: ExpressionScope, declared: CompositionFile, redirect_origins: Collection[str] | None
) -> ReplyHead | None:
    """The head that a composition declares; None where it states nothing. `redirect_origins` are
    the gateway's, None where they are not known."""
    if "status" not in declared.model_fields_set and not declared.headers:
        return None
    before = len(scope.problems)
    status = _compile_status(scope, declared)
    headers = {
        name: compile_header(scope, name, text, ("headers", name), redirect_origins)
        for name, text in declared.headers.items()
        if scope.knows(("headers", name))
    }
    _check_redirect(scope, status, headers)
    templates = (status, *headers.values())
    evaluate = _evaluator_of(status, {name.lower(): each for name, each in headers.items()})
    if len(scope.problems) == before and all(map(is_constant, templates)):
        evaluate = _made_once(scope, evaluate)
    return ReplyHead(
        evaluate,
        status,
        headers,
        frozenset().union(*(each.roots for each in templates)),
        frozenset().union(*(each.reads for each in templates)),
    )


def _compile_status(scope: ExpressionScope, declared: CompositionFile) -> Template:
    if not isinstance(declared.status, str):
        return constant(declared.status)
    path: Path = ("status",)
    status = compile_single(scope, declared.status, path)
    if may_be_null(status.type) or not fits(status.type, t.INTEGER):
        scope.report(
            path, f"a status is an integer, and this is {brief(status.type)}",
            "Give one for every case: ${order.is_new && `201` || `200`}.",
        )  # fmt: skip
    elif wrong := [
        str(each.value)
        for each in alternatives(status.type)
        if isinstance(each, t.Constant) and each.value not in STATUSES
    ]:
        scope.report(
            path, f"this may be {' or '.join(wrong)}, and no payload has such a status",
            f"They are {', '.join(map(str, STATUSES))}.",
        )  # fmt: skip
    return status


def _check_redirect(
    scope: ExpressionScope, status: Template, headers: Mapping[str, Template]
) -> None:
    """Report a redirect that always, or maybe, leads nowhere."""
    if not (
        is_constant(status) and status.evaluate({}) in _REDIRECTS and scope.knows(("headers",))
    ):
        return
    name = next((name for name in headers if name.lower() == "location"), None)
    if name is None:
        scope.report(
            ("status",), "a redirect leads nowhere without a Location",
            "Add it: headers: {Location: /orders/${…}}.",
        )  # fmt: skip
    elif may_be_null(headers[name].type):
        scope.report(
            ("headers", name), "may be null, and a redirect needs its Location",
            "Give it a text for that case, with `||`.",
        )  # fmt: skip


def _evaluator_of(status: Template, headers: Mapping[str, Template]) -> Callable[[Root], Head]:
    def evaluate(root: Root) -> Head:
        chosen = status.evaluate(root)
        if type(chosen) is not int or chosen not in STATUSES:
            raise EvaluationError("the status is none that a payload has")
        found: list[tuple[bytes, bytes]] = []
        left = MOST_BYTES
        for name, template in headers.items():
            value = template.evaluate(root)
            if value is None:
                continue
            try:
                header = (name.encode(), value.encode())
            except UnicodeEncodeError:
                raise EvaluationError("a header holds half of a character") from None
            left -= len(header[0]) + len(header[1])
            if left < 0:
                raise TooLargeError(f"the headers have more than {MOST_BYTES} bytes")
            found.append(header)
        if chosen in _REDIRECTS and all(name != b"location" for name, _ in found):
            raise EvaluationError("a redirect has no Location")
        return Head(chosen, tuple(found))

    return evaluate


def _made_once(scope: ExpressionScope, evaluate: Callable[[Root], Head]) -> Callable[[Root], Head]:
    """The same for a head that is constant; one that never goes out is reported."""
    try:
        always = evaluate({})
    except EvaluationError as error:
        scope.report(("headers",), f"this fails always: {error}")
        return evaluate
    return lambda _root: always
