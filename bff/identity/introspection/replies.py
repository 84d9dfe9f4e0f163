"""What an authorization server answers about a token (RFC 7662 §2.2). Pure.

Rules:
1. A token is active where `active` is the boolean true, and inactive where it is false. Another
   value, or none, is no answer.
2. An active token is taken only where what the server says of it fits: `iss` is the server, `aud`
   names the gateway, `exp` is to come and `nbf` is over. `iss`, `exp` and `nbf` may be absent.
3. Only access tokens are taken: servers answer for refresh tokens, too (`token_type`, and the `typ`
   and `token_use` of some servers). One that is bound to a key of its holder (`cnf`: RFC 8705,
   RFC 9449) is not taken, since the gateway doesn't ask for that key.
4. A member of another kind than RFC 7662 states makes the whole no answer.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from bff.identity.issuers.requests import IssuerReply
from bff.identity.ports import Claims
from bff.plan.model.identity import IntrospectionPlan
from bff.secret import Secret

MOST_CLAIMS_CHARACTERS: Final = 16 * 1024  # of their JSON
LEEWAY_SECONDS: Final = 30.0  # of the clocks, for `nbf`; an end is an end
_ACCESS_TOKENS: Final = frozenset(
    {"bearer", "access_token", "access", "at+jwt", "application/at+jwt", "jwt"}
)


class NoAnswer(Exception):
    """The server said nothing that can be used; the text is for the log, and holds nothing of its
    reply."""


class Inactive(Exception):
    """The token is not taken; the text is for the log at `debug`."""


def read_reply(reply: IssuerReply, token: str, plan: IntrospectionPlan, now: float) -> Claims:
    """The claims of an active token; `now` is in seconds since the epoch. Raises `Inactive` and
    `NoAnswer`."""
    document = reply.document
    if reply.status in (401, 403):
        raise NoAnswer(
            f"the gateway's own credentials were refused ({reply.status}): mend client_id and"
            " client_secret of identity.introspection"
        )
    if reply.status != 200:
        raise NoAnswer(f"answered {reply.status}")
    if not isinstance(document, dict) or not isinstance(document.get("active"), bool):
        raise NoAnswer("answered without saying whether the token is active")
    if not document["active"]:
        raise Inactive("is not active")
    claims = {name: value for name, value in document.items() if name != "active"}
    _refuse_unusable(claims)
    _check_kind(claims)
    _check_issuer(claims, plan)
    until = _number(claims, "exp")
    if until is not None and now >= until:
        raise Inactive("has expired")
    begins = _number(claims, "nbf")
    if begins is not None and now < begins - LEEWAY_SECONDS:
        raise Inactive("is not good yet")
    return Claims(
        "token", claims, _subject(claims), issuer=plan.issuer, token=Secret(token), until=until
    )


def _refuse_unusable(claims: Mapping[str, Any]) -> None:
    try:
        text = json.dumps(claims, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:  # an infinity, or half of a character
        raise NoAnswer("answered with a value that no JSON text can hold") from None
    if len(text) > MOST_CLAIMS_CHARACTERS:
        raise NoAnswer(f"answered with more than {MOST_CLAIMS_CHARACTERS} characters of claims")


def _check_kind(claims: Mapping[str, Any]) -> None:
    for name in ("token_type", "token_use", "typ"):
        kind = _text(claims, name)
        if kind is not None and kind.lower() not in _ACCESS_TOKENS:
            raise Inactive(f"has a {name} of another kind than an access token")
    if "cnf" in claims:
        raise Inactive("is bound to a key of its holder")


def _check_issuer(claims: Mapping[str, Any], plan: IntrospectionPlan) -> None:
    issuer = _text(claims, "iss")
    if issuer is not None and issuer != plan.issuer:
        raise Inactive("is of another issuer")
    if plan.audience is None:
        return
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if named is not None and not (
        isinstance(named, list) and all(isinstance(each, str) for each in named)
    ):
        raise NoAnswer("answered with an aud that is neither a text nor a list of texts")
    if not plan.audience.intersection(named or ()):
        raise Inactive("is for another audience")


def _subject(claims: Mapping[str, Any]) -> str:
    """Whom the token is of: its `sub`; a client that acts for itself may have its `client_id`
    alone, which is no user of that name."""
    subject, client = _text(claims, "sub"), _text(claims, "client_id")
    if subject:
        return subject
    if client:
        return f"client {client}"
    raise NoAnswer("answered with neither sub nor client_id, so nobody knows whose the token is")


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, str):
        raise NoAnswer(f"answered with a {name} that is no text")
    return value


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoAnswer(f"answered with an {name} that is no number")
    try:
        return float(value)
    except OverflowError:
        return math.inf
