"""Introspection (RFC 7662): what an answer must say for a token to be taken."""

from typing import Any

import pytest

from bff.identity.introspection.replies import (
    LEEWAY_SECONDS,
    MOST_CLAIMS_CHARACTERS,
    Inactive,
    NoAnswer,
    read_reply,
)
from bff.identity.issuers.requests import IssuerReply
from bff.identity.ports import Claims
from bff.secret import Secret
from tests.support.identity.introspection import ISSUER, NOW, active, plan


def read(document: Any, status: int = 200, **changes: Any) -> Claims:
    return read_reply(IssuerReply(status, document), "t0ken", plan(**changes), NOW)


def test_active_token_is_what_the_server_says_of_it() -> None:
    claims = read(active(scope="orders.read", username="Ada", token_type="Bearer", iss=ISSUER))
    assert (claims.kind, claims.issuer, claims.subject) == ("token", ISSUER, "ada")
    assert claims.claims == {
        "sub": "ada", "aud": "shop", "exp": NOW + 60, "scope": "orders.read", "username": "Ada",
        "token_type": "Bearer", "iss": ISSUER,
    }  # fmt: skip
    assert claims.until == NOW + 60
    assert claims.token == Secret("t0ken")
    assert claims.roles is None
    assert claims.scopes is None


TAKEN = {
    "several audiences": active(aud=["other", "shop"]),
    "no end": active(exp=...),
    "an end between seconds": active(exp=NOW + 0.5),
    "an end beyond all floats": active(exp=10**400),
    "a begin within the leeway": active(nbf=NOW + LEEWAY_SECONDS),
    "kind in other cases": active(token_type="BEARER"),
    "Keycloak's kind": active(typ="Bearer"),
    "Hydra's kind": active(token_use="access_token"),
    "RFC 9068's kind": active(typ="at+jwt"),
}

INACTIVE = {
    "it says so": ({"active": False}, "is not active"),
    "it says so, whatever else": (active(active=False), "is not active"),
    "expired now": (active(exp=NOW), "has expired"),
    "expired ages ago": (active(exp=-1), "has expired"),
    "too early": (active(nbf=NOW + LEEWAY_SECONDS + 1), "is not good yet"),
    "another issuer": (active(iss=f"{ISSUER}/"), "is of another issuer"),
    "another audience": (active(aud="shops"), "is for another audience"),
    "other audiences": (active(aud=["a", "b"]), "is for another audience"),
    "no audience": (active(aud=...), "is for another audience"),
    "an empty audience": (active(aud=[]), "is for another audience"),
    "a refresh token": (active(token_type="refresh_token"), "has a token_type of another kind"),
    "Keycloak's refresh token": (active(typ="Refresh"), "has a typ of another kind"),
    "Hydra's refresh token": (active(token_use="refresh_token"), "has a token_use of another kind"),
    "an id token": (active(typ="ID"), "has a typ of another kind"),
    "DPoP": (active(token_type="DPoP"), "has a token_type of another kind"),
    "bound to a certificate": (active(cnf={"x5t#S256": "x"}), "is bound to a key of its holder"),
    "bound to null": (active(cnf=None), "is bound to a key of its holder"),
}

SAYS_NOT = "answered without saying whether the token is active"
NO_ANSWER = {
    "nothing": (None, SAYS_NOT),
    "a list": ([True], SAYS_NOT),
    "no verdict": (active(active=...), SAYS_NOT),
    "an error with 200": ({"error": "invalid_client"}, SAYS_NOT),
    **{
        f"active is {value!r}": (active(active=value), SAYS_NOT)
        for value in ("true", "True", 1, 1.0, [True], {}, None, "false", 0)
    },
    "nobody's": (active(sub=...), "answered with neither sub nor client_id"),
    "an empty sub": (active(sub=""), "answered with neither sub nor client_id"),
    "a sub that is a number": (active(sub=1), "answered with a sub that is no text"),
    "an iss that is a list": (active(iss=[ISSUER]), "answered with a iss that is no text"),
    "a kind that is a list": (active(token_type=["Bearer"]), "token_type that is no text"),
    "an exp that is a text": (active(exp=str(NOW + 60)), "answered with an exp that is no number"),
    "an exp that is true": (active(exp=True), "answered with an exp that is no number"),
    "an nbf that is a text": (active(nbf="0"), "answered with an nbf that is no number"),
    "an aud that is an object": (active(aud={"shop": 1}), "an aud that is neither"),
    "an aud of numbers": (active(aud=["shop", 1]), "an aud that is neither"),
    "half of a character": (active(username="\ud800"), "a value that no JSON text can hold"),
    "an infinity": (active(level=float("inf")), "a value that no JSON text can hold"),
    "very much": (active(note="x" * MOST_CLAIMS_CHARACTERS), "characters of claims"),
}


@pytest.mark.parametrize("case", TAKEN)
def test_answer_that_fits_is_taken(case: str) -> None:
    assert read(TAKEN[case]).subject == "ada"


@pytest.mark.parametrize("case", INACTIVE)
def test_token_that_is_not_active_here_is_refused(case: str) -> None:
    document, why = INACTIVE[case]
    with pytest.raises(Inactive, match=why):
        read(document)


@pytest.mark.parametrize("case", NO_ANSWER)
def test_answer_that_says_nothing_admits_nobody_and_condemns_nobody(case: str) -> None:
    document, why = NO_ANSWER[case]
    with pytest.raises(NoAnswer, match=why):
        read(document)


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 403, 404, 429, 500, 503])
def test_other_statuses_are_no_answers_whatever_their_bodies_say(status: int) -> None:
    with pytest.raises(NoAnswer, match=str(status)):
        read(active(), status)


def test_client_that_acts_for_itself_is_no_user_of_its_name() -> None:
    claims = read(active(sub=..., client_id="ada"))
    assert claims.subject == "client ada"
    assert read(active(client_id="other")).subject == "ada"


def test_any_audience_is_taken_only_where_that_is_declared() -> None:
    assert read(active(aud=...), audience=None).subject == "ada"
