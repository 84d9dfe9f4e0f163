"""`gateway.yaml`: what holds for the whole project."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from bff.declarations.declaration import Declaration, Violation, check_keys
from bff.declarations.environment.filling import ANY, EnvironmentUse
from bff.declarations.models.access import Access, CorsDecl
from bff.declarations.models.addresses import RedirectOrigin
from bff.declarations.models.forms import (
    Deadline,
    FromList,
    Namespace,
    PositiveCount,
    Timeout,
)
from bff.declarations.models.identity import IdentityDecl
from bff.declarations.models.limits import Limits, limit_violations
from bff.declarations.models.route import RouteDecl
from bff.declarations.models.trusted_proxies import TrustedProxiesDecl

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)+|/")


def _prefix_violation(prefix: str) -> Violation | None:
    if _PREFIX.fullmatch(prefix) and not {".", ".."} & set(prefix.split("/")):
        return None
    return Violation(
        f"'{prefix}' is no path prefix",
        "Write whole segments from the root, without a last `/`: /raw/orders.",
    )


class BudgetDecl(Declaration):
    """What a composition may cost by its plan: calls in all, and calls one after the other."""

    calls: PositiveCount | None = None
    depth: PositiveCount | None = None

    def violations(self) -> Iterator[Violation]:
        if self.knows("calls", "depth") and self.calls is None and self.depth is None:
            yield Violation("a budget of nothing", "Name calls, or depth, or both.", at_key=True)


class GatewayDefaults(Declaration):
    """What compositions, routes and services get that state nothing themselves; in seconds."""

    deadline: Deadline = 5.0
    timeout: Timeout = 2.0
    access: Access | None = None
    budget: BudgetDecl | None = None


class GatewayCacheDecl(Declaration):
    """What separates this project's cached data from that of others in the same store.

    `namespace` is None where the addresses of the services separate it."""

    namespace: Namespace | None = None


class GatewayFile(Declaration):
    """A project's own file; everything in it may be left out."""

    environment: ClassVar = EnvironmentUse(
        secrets=(("identity",),),
        expressions=(
            ("routes", ANY, "purges"),
            ("routes", ANY, "access"),
            ("defaults", "access"),
            ("identity", "roles"),
            ("identity", "scopes"),
            ("limits", ANY, "by"),
            ("routes", ANY, "limits", ANY, "by"),
        ),
    )

    defaults: GatewayDefaults = GatewayDefaults()
    routes: dict[str, RouteDecl] = Field(default={})
    cors: CorsDecl = CorsDecl()
    identity: IdentityDecl = IdentityDecl()
    limits: Limits = ()
    cache: GatewayCacheDecl = GatewayCacheDecl()
    trusted_proxies: TrustedProxiesDecl | None = None
    redirect_origins: Annotated[tuple[RedirectOrigin, ...], FromList] = ()

    def violations(self) -> Iterator[Violation]:
        yield from check_keys("routes", self.routes, _prefix_violation)
        yield from limit_violations(self.limits)
