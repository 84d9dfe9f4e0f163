"""The gateway's own endpoints, in the routing table of a release: those of browser sessions."""

from collections.abc import Mapping
from functools import partial

from bff.plan.model.access import Access
from bff.web.http.logs import Log
from bff.web.http.problems import wrong_method
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import AccessControl
from bff.web.serving.identity import OpenIdentity
from bff.web.serving.pending import Finisher, Pending
from bff.web.sessions.endpoints import Endpoint, SessionEndpoints


def own_endpoints(
    identity: OpenIdentity, access: AccessControl, origins: frozenset[str], log: Log
) -> Mapping[str, Endpoint]:
    """The endpoints by their paths. Pages of `origins` may ask who is logged in."""
    if identity.sessions is None:
        return {}
    user = access.guard(Access("authenticated"), depends_on_caller=True, origins=origins)
    return SessionEndpoints(identity.sessions, user.admit, log).by_path()


def begin_own(finisher: Finisher, request: GatewayRequest, endpoint: Endpoint) -> Reply | Pending:
    """Begin a request to an endpoint of the gateway's own."""
    if request.method != endpoint.method:  # HEAD would log out, too
        return wrong_method(request, (endpoint.method, "OPTIONS"))
    return Pending(
        finisher,
        request,
        partial(endpoint.answer, request),
        reads_body=endpoint.reads_body,
        may_be_abandoned=endpoint.may_be_abandoned,
    )
