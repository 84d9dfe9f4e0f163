"""Compiles `identity.jwt` of `gateway.yaml`: whose tokens are taken."""

from bff.declarations.models.gateway import GatewayFile
from bff.declarations.models.jwt import JwtIssuerDecl
from bff.plan.model.jwt import PublishedKeys, SharedSecret, TokenIssuer, TokenKeys
from bff.plan.reporter import Reporter


def compile_issuers(reporter: Reporter[GatewayFile]) -> tuple[TokenIssuer, ...]:
    """The issuers, in their order; none where something is wrong with one of them."""
    if not reporter.document.is_sound(("identity", "jwt")):
        return ()
    return tuple(
        TokenIssuer(
            each.issuer,
            frozenset(each.audience),
            each.algorithms,
            _keys_of(each),
            each.leeway,
            each.typ,
        )
        for each in reporter.document.model.identity.jwt
    )


def _keys_of(declared: JwtIssuerDecl) -> TokenKeys:
    if declared.secret is not None:
        return SharedSecret(declared.secret)
    return PublishedKeys(declared.keys)
