"""The project's own provider: what claims give, and what follows from them for how long."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from bff.errors import SettingsError
from bff.identity.ports import NOBODY, CallerRequest, Claims, Identified, Identity, Refusal
from bff.identity.provider import (
    BearerToken,
    ConfiguredProvider,
    CredentialKindReader,
    TypedProvider,
    identity_of,
)
from bff.plan.compiler.project import check_project, compile_project
from bff.plan.model.identity import NO_IDENTITY, IdentityPlan
from bff.secret import Secret
from bff.web.http.refusals import refused
from bff.web.http.requests import GatewayRequest
from tests.support.identity.callers import BAD_TOKEN, Credentials
from tests.support.projects import SHOP_SCHEMAS, write_project

SCHEMA = """
from datetime import date
from pydantic import BaseModel


class Realm(BaseModel):
    roles: list[str] = []


class Claims(BaseModel):
    sub: str
    since: date | None = None
    realm_access: Realm = Realm()
"""


def plan(folder: Path, identity: str) -> IdentityPlan:
    write_project(
        folder,
        schemas={"shop": SHOP_SCHEMAS, "auth": SCHEMA},
        gateway=f"identity: {{{identity}}}",
    )
    return compile_project(folder).identity


def caller(plan: IdentityPlan, given: dict[str, Any], **more: Any) -> Identity:
    found = identity_of(Claims("token", given, "1", "https://id.example", **more), plan)
    assert isinstance(found, Identity)
    return found


def request(token: str) -> CallerRequest:
    return GatewayRequest("GET", "/", "", [(b"authorization", f"Bearer {token}".encode())])


@pytest.mark.parametrize(
    ("given", "roles", "scopes"),
    [
        ({"roles": ["a", "b"], "scope": "x  y"}, {"a", "b"}, {"x", "y"}),
        ({"roles": "a", "scp": ["x"]}, set(), {"x"}),
        ({"roles": ["a", 1], "scp": "x y"}, set(), {"x", "y"}),
        ({"roles": None, "scope": 7}, set(), set()),
        ({"scope": "x", "scp": ["y"]}, set(), {"x"}),
        ({}, set(), set()),
    ],
)
def test_usual_claims_give_roles_and_scopes(
    given: dict[str, Any], roles: set[str], scopes: set[str]
) -> None:
    found = caller(NO_IDENTITY, given)
    assert (found.roles, found.scopes) == (roles, scopes)


def test_declared_expressions_give_roles_and_scopes_and_none_where_they_fail(
    tmp_path: Path,
) -> None:
    declared = plan(
        tmp_path, "roles: '${claims.realm.roles}', scopes: \"${split(claims.rights, ',')}\""
    )
    found = caller(declared, {"realm": {"roles": ["a"]}, "rights": "x,y", "roles": ["root"]})
    assert (found.roles, found.scopes) == ({"a"}, {"x", "y"})
    found = caller(declared, {"realm": {"roles": {"a": 1}}, "rights": 7, "scope": "root"})
    assert (found.roles, found.scopes) == (frozenset(), frozenset())


def test_credential_that_states_its_roles_is_asked_for_no_claims() -> None:
    found = caller(NO_IDENTITY, {"roles": ["a"]}, roles=frozenset({"b"}), scopes=frozenset())
    assert (found.roles, found.scopes) == ({"b"}, frozenset())


def test_claims_are_of_their_type_and_no_others(tmp_path: Path) -> None:
    declared = plan(
        tmp_path, "claims: 'schemas.auth:Claims', roles: '${claims.realm_access.roles}'"
    )
    found = caller(declared, {"sub": "1", "since": "2026-01-02", "email": "a@b.example", "exp": 9})
    assert found.claims == {"sub": "1", "since": "2026-01-02", "realm_access": {"roles": []}}
    refused = identity_of(Claims("token", {"sub": 1}, "1"), declared)
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.reason) == (401, "invalid_token")


def test_key_separates_what_may_differ_and_not_what_names_the_one_token() -> None:
    def key(claims: dict[str, Any], **more: Any) -> str:
        return caller(NO_IDENTITY, claims, **more).key

    base = key({"sub": "1", "exp": 1, "jti": "a", "sid": "s"})
    assert base == key({"exp": 2, "sub": "1", "jti": "b", "iat": 3, "nonce": "n"})
    assert base != key({"sub": "1", "tenant": "x"})
    assert base != key({"sub": "1"}, roles=frozenset({"admin"}))
    other = identity_of(Claims("api_key", {"sub": "1"}, "1", "https://id.example"), NO_IDENTITY)
    assert isinstance(other, Identity)
    assert base != other.key


@pytest.mark.parametrize("subject", ["", "client shop"])
def test_callers_without_a_sub_are_told_apart_by_their_tokens(subject: str) -> None:
    """A service that gets the token may know by it whom it is of."""
    keys = set()
    for token in ("ann's", "bo's"):
        claims = Claims("token", {}, subject, "https://id.example", token=Secret(token))
        found = identity_of(claims, NO_IDENTITY)
        assert isinstance(found, Identity)
        keys.add(found.key)
    assert len(keys) == 2


def test_what_follows_from_claims_is_worked_out_once_while_they_are_remembered() -> None:
    known = {"ann": Claims("token", {"sub": "1"}, "1")}
    provider = ConfiguredProvider(
        NO_IDENTITY, [CredentialKindReader(BearerToken(), Credentials(known))]
    )
    first = provider.identify(request("ann"))
    assert isinstance(first, Identity)
    assert provider.identify(request("ann")) is first
    assert provider.identify(request("bad")) is BAD_TOKEN
    kept = weakref.ref(known.pop("ann"))
    gc.collect()
    assert kept() is None, "nothing outlives the authenticator's memory"


class Own:
    headers = ("x-own",)

    def __init__(self, gives: Identified) -> None:
        self.gives = gives

    async def identify(self, request: CallerRequest) -> Identified:
        return self.gives

    async def open(self) -> None:
        raise SettingsError("never works")

    async def close(self) -> None:
        """Nothing."""


def test_provider_of_somebodys_own_is_held_to_the_declared_claims(tmp_path: Path) -> None:
    declared = plan(tmp_path, "claims: 'schemas.auth:Claims'")

    async def identified(gives: Identified) -> Identified:
        provider = TypedProvider(Own(gives), declared)
        assert provider.headers == ("x-own",)
        found = provider.identify(request("x"))
        assert not isinstance(found, Identity | Refusal)
        return await found

    good = asyncio.run(identified(Identity("k", {"sub": "1", "secret": 2})))
    assert isinstance(good, Identity)
    assert good.claims == {"sub": "1", "since": None, "realm_access": {"roles": []}}
    assert isinstance(asyncio.run(identified(Identity("k", {"sub": 1}))), Refusal)
    assert asyncio.run(identified(NOBODY)) is NOBODY
    assert asyncio.run(identified(BAD_TOKEN)) is BAD_TOKEN
    with pytest.raises(SettingsError):
        asyncio.run(TypedProvider(Own(NOBODY), declared).open())


CALL = "steps: {user: {call: shop.get_user, with: {id: '${claims.sub}'}}}\n"
GREETING = "steps: {user: {call: shop.get_user, with: {id: 1}}}\nresponse: {to: '${claims.sub}'}\n"


def test_claims_are_typed_in_steps_and_payloads(tmp_path: Path) -> None:
    def check(access: str, body: str) -> list[str]:
        write_project(
            tmp_path,
            {"home": f"endpoint: GET /a\naccess: {access}\n{body}"},
            schemas={"shop": SHOP_SCHEMAS, "auth": SCHEMA},
            gateway="identity: {claims: 'schemas.auth:Claims'}",
        )
        return [str(each) for each in check_project(tmp_path).problems]

    (problem,) = check("authenticated", CALL)
    assert "string" in problem
    assert "integer" in problem
    (unknown,) = check("authenticated", CALL.replace("sub", "name"))
    assert "Claims has no field 'name'" in unknown
    assert check("authenticated", GREETING.replace("'${claims.sub}'", "'Dear ${claims.sub}'")) == []
    (absent,) = check("public", GREETING.replace("'${claims.sub}'", "'Dear ${claims.sub}'"))
    assert "may be null" in absent, "where anybody may call, a caller may have no claims"
    assert check("public", GREETING) == []


def test_challenge_holds_no_character_that_ends_its_quotes() -> None:
    refusal = Refusal(401, "invalid_token", 'Der "Schlüssel"\r\nX-Admin: 1')
    reply = refused(GatewayRequest("GET", "/", "", []), refusal)
    assert dict(reply.all_headers)[b"www-authenticate"] == (
        b'Bearer realm="gateway", error="invalid_token",'
        b' error_description="Der ?Schl?ssel???X-Admin: 1"'
    )
