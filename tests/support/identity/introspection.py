"""An authorization server's plan and answers, and who brings tokens, for tests of introspection."""

from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Any

from bff.breaker import Breaker
from bff.identity.introspection.authenticator import Introspection
from bff.identity.issuers.issuers import Issuers
from bff.identity.ports import Claims, Refusal
from bff.plan.model.identity import IntrospectionPlan
from bff.secret import Secret
from bff.telemetry.logs.repeats import Complaints
from bff.web.http.requests import GatewayRequest
from tests.support.fake_time import Clock
from tests.support.identity.issuers import StandInIssuer

ISSUER = "https://id.example"
NOW = 1_000_000.0
PATH = "/introspect"


def plan(issuer: str = ISSUER, **changes: Any) -> IntrospectionPlan:
    options: dict[str, Any] = {
        "issuer": issuer, "url": f"{issuer}{PATH}", "client_id": "gate way",
        "client_secret": Secret("s3cret+"), "audience": frozenset({"shop"}), "cache_seconds": 30.0,
    }  # fmt: skip
    return IntrospectionPlan(**(options | changes))


def active(**members: Any) -> dict[str, Any]:
    """An answer for a good token; a member that is `...` is left out."""
    found = {"active": True, "sub": "ada", "aud": "shop", "exp": NOW + 60, **members}
    return {name: value for name, value in found.items() if value is not ...}


class Caller:
    """Brings tokens, at a time that the test turns."""

    def __init__(
        self,
        server: StandInIssuer,
        options: Mapping[str, Any] = MappingProxyType({}),
        **changes: Any,
    ) -> None:
        self.server = server
        self.clock, self.pauses = Clock(NOW), Clock()
        self.issuers = Issuers()
        breaker = Breaker(
            failures=3, first_pause_seconds=1, longest_pause_seconds=1, clock=self.pauses
        )
        self.introspection = Introspection(
            plan(server.url, **changes), self.issuers, self.clock, Complaints(), breaker, **options
        )

    async def __aenter__(self) -> "Caller":
        await self.introspection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.introspection.close()
        await self.issuers.close()

    def bring(self, token: str) -> Claims | Refusal | Awaitable[Claims | Refusal]:
        return self.introspection.authenticate(token, GatewayRequest("GET", "/", "", ()))

    async def status(self, token: str) -> int:
        answer = self.bring(token)
        if not isinstance(answer, Claims | Refusal):
            answer = await answer
        return 200 if isinstance(answer, Claims) else answer.status

    def asked(self) -> int:
        return self.server.count(PATH)
