"""Compiles `identity` of `gateway.yaml`: the type of claims, where roles and scopes are, and which
credentials are taken. API keys have rules for other files too: `bff.plan.compiler.api_keys`."""

from dataclasses import dataclass, replace
from pathlib import Path as FilePath

from bff.declarations.models.gateway import GatewayFile
from bff.declarations.models.introspection import ANY_AUDIENCE
from bff.declarations.models.jwt import JwtIssuerDecl
from bff.plan.compiler.api_keys import compile_api_keys
from bff.plan.compiler.roots import UNKNOWN_CLAIMS, root_of_claims
from bff.plan.compiler.values import ExpressionScope, compile_single, scope_within
from bff.plan.digests import digest_of
from bff.plan.model.access import Access
from bff.plan.model.expressions import Template
from bff.plan.model.identity import (
    IdentityPlan,
    IntrospectionPlan,
    PublishedKeys,
    SharedSecret,
    TokenIssuer,
    TokenKeys,
)
from bff.plan.model.service import Schema
from bff.plan.model.sessions import SessionsPlan
from bff.plan.reporter import Path, Reporter
from bff.plan.schemas.annotations import UnknownSchema
from bff.plan.schemas.library import SchemaLibrary
from bff.plan.types import kinds as t
from bff.plan.types.algebra import brief, fits, nullable, resolved

_NAMES = nullable(t.ListOf(t.STRING))


@dataclass(frozen=True, slots=True)
class CompiledIdentity:
    """The plan of `identity`, and the type of the claims of who is identified."""

    plan: IdentityPlan
    claims: t.ObjectOf

    def claims_at(self, access: Access) -> t.ObjectOf:
        """The type of claims at an endpoint: where anybody may call, a caller may have none."""
        if access.kind != "public":
            return self.claims
        fields = tuple((name, replace(each, required=False)) for name, each in self.claims.fields)
        return replace(self.claims, fields=fields)


def compile_identity(
    reporter: Reporter[GatewayFile], schemas: SchemaLibrary, namespace: str, folder: FilePath
) -> CompiledIdentity:
    """Compile what `gateway.yaml` states under `identity`. `namespace` is the key of secrets'
    fingerprints; paths of files begin at `folder`."""
    declared = reporter.document.model.identity
    schema, claims = _compile_claims(reporter, schemas)
    scope = scope_within(reporter, root_of_claims(claims))
    plan = IdentityPlan(
        claims=schema,
        roles=_compile_names(scope, declared.roles, ("identity", "roles")),
        scopes=_compile_names(scope, declared.scopes, ("identity", "scopes")),
        jwt=_compile_issuers(reporter),
        sessions=_compile_sessions(reporter),
        api_keys=compile_api_keys(reporter, folder),
        introspection=_compile_introspection(reporter),
        digest=digest_of(
            [declared.model_dump(), None if schema is None else schema.digest], namespace
        ),
    )
    return CompiledIdentity(plan, claims)


def _compile_claims(
    reporter: Reporter[GatewayFile], schemas: SchemaLibrary
) -> tuple[Schema | None, t.ObjectOf]:
    at: Path = ("identity", "claims")
    reference = reporter.document.model.identity.claims
    if reference is None or not reporter.knows(at):
        return None, UNKNOWN_CLAIMS
    try:
        schema = schemas.resolve(reference)
    except UnknownSchema as unknown:
        if unknown.place is None:  # else the module has a problem of its own
            reporter.report(at, unknown.what, unknown.mend)
        return None, UNKNOWN_CLAIMS
    found = resolved(schema.type)
    if not isinstance(found, t.ObjectOf):
        reporter.report(
            at, f"claims are an object, and this is {brief(found)}",
            "Name a model with a field for each claim.",
        )  # fmt: skip
        return None, UNKNOWN_CLAIMS
    return schema, found


def _compile_names(scope: ExpressionScope, text: str | None, path: Path) -> Template | None:
    """The expression that gives a list of names, or null."""
    if text is None:
        return None
    template = compile_single(scope, text, path)
    if not fits(template.type, _NAMES):
        scope.report(
            path, f"a list of texts is wanted here, and this is {brief(template.type)}",
            "Split a text with blanks: ${split(claims.scope, ' ')}.",
        )  # fmt: skip
    return template


def _compile_issuers(reporter: Reporter[GatewayFile]) -> tuple[TokenIssuer, ...]:
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


def _compile_introspection(reporter: Reporter[GatewayFile]) -> IntrospectionPlan | None:
    declared = reporter.document.model.identity.introspection
    if declared is None or not reporter.document.is_sound(("identity", "introspection")):
        return None
    audience = declared.audience
    return IntrospectionPlan(
        issuer=declared.issuer,
        url=declared.url,
        client_id=declared.client_id,
        client_secret=declared.client_secret,
        audience=None if audience == ANY_AUDIENCE else frozenset(audience),
        cache_seconds=declared.cache,
    )


def _compile_sessions(reporter: Reporter[GatewayFile]) -> SessionsPlan | None:
    declared = reporter.document.model.identity.sessions
    if declared is None or not reporter.document.is_sound(("identity", "sessions")):
        return None
    return SessionsPlan(
        issuer=declared.issuer,
        client_id=declared.client_id,
        client_secret=declared.client_secret,
        scopes=declared.scopes,
        public_url=declared.public_url,
        keys=declared.keys,
        redis_url=declared.redis,
        after_login=declared.after_login,
        after_logout=declared.after_logout,
        idle_seconds=declared.idle,
        absolute_seconds=declared.absolute,
        namespace=digest_of([declared.issuer, declared.client_id, declared.public_url])[:16],
    )
