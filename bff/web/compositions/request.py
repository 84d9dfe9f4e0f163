"""What a request to a composition asks for: which params, which form of the payload.

What is outside of the body is read first: who may ask is decided on it. Whatever is wrong with a
request becomes a reply here. May not know caches or runs.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from bff.plan.model.composition import Composition
from bff.plan.model.payload import MaskNode, MaskView, SelectableFields
from bff.plan.model.service import BodyKind
from bff.plan.params.parsing import BadParam, parse_params
from bff.web.compositions.fields import TooManyFields, UnknownField, parse_fields
from bff.web.http.problems import problem
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest

FIELDS = "fields="  # what the names of such forms begin with; no view's can


class PayloadForm(NamedTuple):
    """A form of a payload: whole (no name), a view by its name, or the fields that the client
    names. `mask` has what stays; None for a form that was written beside the payload. `view` is a
    name of the project's, "fields" for all such fields."""

    name: str
    mask: MaskNode | None
    view: str


WHOLE = PayloadForm("", MaskNode(), "")


class CompositionRequest(NamedTuple):
    """A request to a composition, known to be right: the payload's form and the params; before the
    body is read, those outside of it."""

    form: PayloadForm
    params: Mapping[str, Any]


class RequestReader:
    """Reads the requests to one composition. Safe between threads."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        params = composition.params
        self._in_body = tuple(each for each in params if each.location in ("body", "form"))
        self._in_head = tuple(each for each in params if each not in self._in_body)
        self._body_kind: BodyKind = "fields" if composition.body is None else composition.body.kind
        self._forms = {"": WHOLE} | {
            name: PayloadForm(name, view.mask if isinstance(view, MaskView) else None, name)
            for name, view in composition.views.items()
        }

    def read_head(
        self, request: GatewayRequest, path: Mapping[str, str]
    ) -> CompositionRequest | Reply:
        """The request as far as it is known without its body, or the problem with it. `path` holds
        decoded segments by param name."""
        form = self._form(request)
        if isinstance(form, Reply):
            return form
        params = parse_params(
            self._in_head,
            path=path,
            query=request.raw_query,
            headers=request.header_values,
            body=None,
        )
        if isinstance(params, list):
            return _bad_params(request, params)
        return CompositionRequest(form, params)

    def read_body(
        self, request: GatewayRequest, head: CompositionRequest, body: bytes
    ) -> CompositionRequest | Reply:
        """The whole request, or the problem with its body. Takes as long as the body is large."""
        params = parse_params(
            self._in_body,
            path={},
            query="",
            headers=request.header_values,
            body=body or None,
            body_kind=self._body_kind,
        )
        if isinstance(params, list):
            return _bad_params(request, params)
        read = {**head.params, **params}
        in_order = {
            each.name: read[each.name] for each in self._composition.params if each.name in read
        }
        return CompositionRequest(head.form, in_order)

    def _form(self, request: GatewayRequest) -> PayloadForm | Reply:
        query = request.raw_query
        if "view" not in query and "fields" not in query and "%" not in query:
            return WHOLE
        pairs = parse_qsl(query, keep_blank_values=True)
        views = [value for name, value in pairs if name == "view"]
        selectable = self._composition.fields
        fields = [value for name, value in pairs if name == "fields"] if selectable else []
        if views and fields:
            return problem(
                request, 400, "view_and_fields", "The query names a view and fields: name one."
            )
        if len(views) > 1:
            return problem(request, 400, "view_twice", "The query names more than one view.")
        if selectable and fields:
            return _fields(request, selectable, ",".join(fields))
        return self._view(request, views[0]) if views else WHOLE

    def _view(self, request: GatewayRequest, name: str) -> PayloadForm | Reply:
        if name and name in self._forms:
            return self._forms[name]
        views = sorted(self._composition.views)
        known = f"The views are: {', '.join(views)}." if views else "There are no views."
        return problem(
            request,
            404,
            "unknown_view",
            f"There is no such view. {known}",
            members={"views": views},
        )


def _fields(
    request: GatewayRequest, selectable: SelectableFields, text: str
) -> PayloadForm | Reply:
    """The fields that are named, in one spelling whatever their order."""
    try:
        mask = parse_fields(selectable, text)
    except TooManyFields as error:
        return problem(request, 400, "too_many_fields", str(error))
    except UnknownField as error:
        return problem(
            request, 400, "bad_fields", "The query names fields that there are not.",
            members={"errors": [{"name": "fields", "in": "query", "detail": str(error)}]},
        )  # fmt: skip
    return PayloadForm(FIELDS + _spelt(mask), mask, "fields")


def _spelt(mask: MaskNode) -> str:
    """The mask in one spelling, whatever the request's was."""
    below = (f"{name}({_spelt(node)})" for name, node in sorted(mask.fields.items()))
    return ",".join(below)


def _bad_params(request: GatewayRequest, bad: list[BadParam]) -> Reply:
    names = ", ".join(dict.fromkeys(each.name or "the body" for each in bad))
    errors = [
        {**({"name": each.name} if each.name else {}), "in": each.location, "detail": each.message}
        for each in bad
    ]
    return problem(request, 400, "bad_params", f"Bad params: {names}.", members={"errors": errors})
