"""What each request to a service has beside what its operations state: headers, a query, and how
the gateway identifies itself or its caller.

A secret under `auth` is `${secret.NAME}`: one that stands in the file is a problem.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.environment.filling import LOST, FilledText
from bff.declarations.models.addresses import Url
from bff.declarations.models.forms import FromList
from bff.declarations.models.places import sent_header_violation
from bff.header_names import folded
from bff.secret import Secret

# Of no claim: what routes say of the client, what opens a WebSocket, and cookies.
_NOT_OF_CALLER = re.compile(r"forwarded|via|x-real-ip|x-forwarded-.*|sec-websocket-.*|cookie2?")
_SECRET_HEADERS = frozenset({"authorization", "cookie"})
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 §3.3


def _check_text(value: Any) -> str | Secret:
    """A text, or a secret."""
    if value is LOST:
        raise refusal()
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise refusal(Violation("this is no text", "Put it in quotes if it is a text."))
    if "${" in value and not isinstance(value, FilledText):
        raise refusal(
            Violation("only the environment is read here", "Write ${env.NAME} or ${secret.NAME}.")
        )
    return str(value)


def _check_secret(value: Any) -> Secret:
    if value is LOST:
        raise refusal()
    if isinstance(value, Secret):
        return value
    what = "a variable is no secret" if isinstance(value, FilledText) else "a secret in the file"
    raise refusal(
        Violation(what, "Write ${secret.NAME}: a file in BFF_SECRETS_DIR, or a variable.")
    )


def check_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of a token (RFC 6749 §3.3). Raises a refusal for what is none."""
    for index, scope in enumerate(scopes):
        if not _SCOPE.fullmatch(scope):
            raise refusal(
                Violation("this is no scope", "One word of visible ASCII characters.", (index,))
            )
    return scopes


SentText = Annotated[str | Secret, PlainValidator(_check_text)]
SecretText = Annotated[Secret, PlainValidator(_check_secret)]


class BasicDecl(Declaration):
    """HTTP's basic credentials (RFC 7617)."""

    user: SentText
    password: SecretText

    def violations(self) -> Iterator[Violation]:
        if isinstance(self.user, str) and ":" in self.user:
            yield Violation("a user with a colon", "RFC 7617 has no way to send one.", ("user",))


class ApiKeyDecl(Declaration):
    """A key in a header or in the query."""

    in_: Literal["header", "query"] = Field(alias="in")
    name: str
    value: SecretText

    def violations(self) -> Iterator[Violation]:
        if not self.knows("in", "name"):
            return
        if self.in_ == "header" and (found := sent_header_violation(self.name)):
            yield Violation(found.what, found.mend, ("name",))
        elif not self.name:
            yield Violation("is empty", "Write the name that the service reads.", ("name",))


class ClientCredentialsDecl(Declaration):
    """A token for the gateway itself, from an authorization server (RFC 6749 §4.4)."""

    token_url: Url
    client_id: SentText
    client_secret: SecretText
    scopes: Annotated[tuple[str, ...], FromList, AfterValidator(check_scopes)] = ()
    audience: str | None = None


class ExchangeDecl(ClientCredentialsDecl):
    """A token of the caller's for this service, in exchange for the caller's own (RFC 8693).
    `audience` is the service's name at the authorization server, `resource` its address there."""

    resource: Url | None = None

    def violations(self) -> Iterator[Violation]:
        if self.knows("audience", "resource") and not (self.audience or self.resource):
            yield Violation(
                "an exchange for no service in particular",
                "Name the one that the token is for: audience: orders.",
                at_key=True,
            )


class AuthDecl(Declaration):
    """How the gateway identifies itself to a service, or its caller, in one way: by the caller's
    own token with `relay`, and by one that this is exchanged for with `exchange`."""

    bearer: SecretText | None = None
    basic: BasicDecl | None = None
    api_key: ApiKeyDecl | None = None
    client_credentials: ClientCredentialsDecl | None = None
    relay: bool = False
    exchange: ExchangeDecl | None = None

    @property
    def is_callers(self) -> bool:
        """Whether it identifies the caller, and not the gateway."""
        return self.relay or self.exchange is not None

    def violations(self) -> Iterator[Violation]:
        given = [key for key in type(self).model_fields if key in self.model_fields_set]
        if len(given) > 1:
            yield Violation(
                f"{' and '.join(given)} are several credentials", "Keep one.",
                (given[1],), at_key=True,
            )  # fmt: skip
        elif given == ["relay"] and self.knows("relay") and not self.relay:
            yield Violation("relays nothing", "Write true, or leave `auth` out.", ("relay",))
        elif not given and not self.errors:
            yield Violation(
                "names no credential",
                "Name bearer, basic, api_key, client_credentials, relay or exchange;"
                " or leave `auth` out.",
                at_key=True,
            )


def check_sent(
    headers: Mapping[str, str | Secret], query: Mapping[str, str | Secret], auth: AuthDecl | None
) -> Iterator[Violation]:
    """What is wrong with what a service is always sent, and between its parts."""
    seen: dict[str, str] = {}
    for name, value in headers.items():
        at = ("headers", name)
        if found := sent_header_violation(name):
            yield Violation(found.what, found.mend, at, at_key=True)
        elif name.lower() in seen:
            yield Violation(f"this is the header '{seen[name.lower()]}'", "Keep one.", at, True)
        elif name.lower() in _SECRET_HEADERS and isinstance(value, str):
            yield Violation(
                "a secret in the file", "Write ${secret.NAME} in it, or use `auth`.", at
            )
        seen.setdefault(name.lower(), name)
    for name in query:
        if not name:
            yield Violation("a param without a name", "Write its name.", ("query", name), True)
    if auth is not None:
        yield from _check_taken(seen.keys(), query.keys(), auth)


def check_caller_headers(
    caller_headers: Collection[str], headers: Collection[str], auth: AuthDecl | None
) -> Iterator[Violation]:
    """What is wrong with the names of headers by which a service learns who calls. Two names are
    one where some server takes them for the same."""
    in_header, _ = _names_of(auth)
    taken = {folded(name): name for name in (*in_header, *headers)}
    for name in caller_headers:
        at = ("caller_headers", name)
        spelling = folded(name)
        if found := sent_header_violation(name) or sent_header_violation(spelling):
            yield Violation(found.what, found.mend, at, at_key=True)
        elif spelling == "authorization":
            yield Violation(
                "a token is no claim", "Write auth: {relay: true}, or `exchange`.", at, at_key=True
            )
        elif _NOT_OF_CALLER.fullmatch(spelling):
            what = f"the header '{name}' is the gateway's own to set"
            yield Violation(what, "Choose another name.", at, at_key=True)
        elif spelling in taken:
            what = f"to some servers this is the header '{taken[spelling]}'"
            yield Violation(what, "Keep one.", at, at_key=True)
        taken.setdefault(spelling, name)


def names_sent(
    headers: Mapping[str, str | Secret], query: Mapping[str, str | Secret], auth: AuthDecl | None
) -> tuple[frozenset[str], frozenset[str]]:
    """The names of the headers, in lower case, and of the params of the query that every request
    to the service has."""
    in_header, in_query = _names_of(auth)
    return in_header.union(map(str.lower, headers)), in_query.union(query)


def _check_taken(
    headers: Collection[str], query: Collection[str], auth: AuthDecl
) -> Iterator[Violation]:
    in_header, in_query = _names_of(auth)
    for name in (*(in_header & set(headers)), *(in_query & set(query))):
        where = "headers" if name in in_header else "query"
        yield Violation(f"'{name}' stands in `{where}` too", "Keep one.", ("auth",), at_key=True)


def _names_of(auth: AuthDecl | None) -> tuple[frozenset[str], frozenset[str]]:
    """The headers, in lower case, and the params of the query that identify the gateway."""
    nothing: frozenset[str] = frozenset()
    if auth is None:
        return nothing, nothing
    key = auth.api_key
    if key is None:
        return frozenset({"authorization"}), nothing
    if not key.knows("in", "name"):
        return nothing, nothing
    if key.in_ == "query":
        return nothing, frozenset({key.name})
    return frozenset({key.name.lower()}), nothing
