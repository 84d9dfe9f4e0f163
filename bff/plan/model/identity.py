"""How callers are identified, compiled: what `bff.identity` is built from."""

from dataclasses import dataclass

from bff.plan.model.api_keys import ApiKeysPlan
from bff.plan.model.expressions import Template
from bff.plan.model.introspection import IntrospectionPlan
from bff.plan.model.jwt import TokenIssuer
from bff.plan.model.service import Schema
from bff.plan.model.sessions import SessionsPlan


@dataclass(frozen=True, slots=True)
class IdentityPlan:
    """The project's `identity`.

    `claims` is the type of every caller's claims; None where none is declared. `roles` and `scopes`
    see `claims`, and are None where the usual claims have them. `jwt` are the issuers whose tokens
    are taken.
    """

    claims: Schema | None = None
    roles: Template | None = None
    scopes: Template | None = None
    jwt: tuple[TokenIssuer, ...] = ()
    sessions: SessionsPlan | None = None
    api_keys: ApiKeysPlan | None = None
    introspection: IntrospectionPlan | None = None
    digest: str = ""  # of what is declared, secrets included: the same plan has the same provider


NO_IDENTITY = IdentityPlan()
