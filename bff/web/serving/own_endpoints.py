"""The gateway's own endpoints, in the routing table of a release: those of browser sessions, which
are limited as every endpoint is. All of these are public but `/bff/user`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bff.identity.ports import Identity
from bff.plan.model.access import Access
from bff.plan.model.composition import CompiledProject
from bff.plan.model.sessions import OWN_METHODS, USER_PATH
from bff.web.http.cors import CrossOrigin
from bff.web.http.problems import wrong_method
from bff.web.http.replies import Reply
from bff.web.http.requests import GatewayRequest
from bff.web.serving.access import AccessControl, Guard
from bff.web.serving.identity import OpenIdentity
from bff.web.serving.pending import Finisher, Pending
from bff.web.sessions.endpoints import Endpoint, SessionEndpoints
from bff.web.telemetry.telemetry import Telemetry


class OwnEndpoint(Protocol):
    """An endpoint of the gateway's own."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that it takes."""

    @property
    def cross_origin(self) -> CrossOrigin | None:
        """Which pages of other origins may read it; None for those of the project."""

    def begin(self, finisher: Finisher, request: GatewayRequest) -> Reply | Pending:
        """Begin a request."""


@dataclass(frozen=True, slots=True)
class SessionEndpoint:
    """An endpoint of browser sessions, and who may ask for it."""

    method: str
    endpoint: Endpoint
    guard: Guard

    @property
    def methods(self) -> tuple[str, ...]:
        """See `OwnEndpoint`."""
        return (self.method,)

    @property
    def cross_origin(self) -> None:
        """See `OwnEndpoint`."""
        return None

    def begin(self, finisher: Finisher, request: GatewayRequest) -> Reply | Pending:
        """See `OwnEndpoint`."""
        endpoint = self.endpoint
        if request.method != self.method:  # HEAD would log out, too
            return wrong_method(request, (self.method, "OPTIONS"))
        return Pending(
            finisher,
            request,
            partial(self._answer, request),
            reads_body=endpoint.reads_body,
            may_be_abandoned=endpoint.may_be_abandoned,
        )

    async def _answer(self, request: GatewayRequest) -> Reply:
        admission = self.guard.admit(request)
        caller = admission if isinstance(admission, Identity | Reply) else await admission
        if isinstance(caller, Reply):
            return caller
        permission = self.guard.permit(request, caller, {})
        if permission is not None and not isinstance(permission, Reply):
            permission = await permission
        return permission or await self.endpoint.answer(request, caller)


def session_endpoints(
    project: CompiledProject, identity: OpenIdentity, access: AccessControl, telemetry: Telemetry
) -> dict[str, OwnEndpoint]:
    """The endpoints by their paths. Pages of the project's origins may ask who is logged in."""
    if identity.sessions is None:
        return {}
    limits = [each for each in project.limits if each.by != "failed_credentials"]
    user = access.guard(
        Access("authenticated"), limits, depends_on_caller=True, origins=project.cors.origins
    )
    by_address = [each for each in limits if each.by == "address"]
    public = access.guard(Access("public"), by_address, depends_on_caller=False)
    return {
        path: SessionEndpoint(OWN_METHODS[path], endpoint, user if path == USER_PATH else public)
        for path, endpoint in SessionEndpoints(identity.sessions, telemetry).by_path().items()
    }
