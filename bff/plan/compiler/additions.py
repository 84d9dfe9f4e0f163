"""Compiles what each request to a service has beside what its operations state.

Credentials become headers and a query here, so that a request costs nothing for them. Nothing that
is reported repeats a value.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote_plus

from bff.declarations.models.auth import AuthDecl, ClientCredentialsDecl
from bff.declarations.models.service import ServiceFile
from bff.plan.digests import digest_of
from bff.plan.model.service import Additions, Disclosure, Operation, Service, TokenRequest
from bff.plan.params.sendable import wrong_in_header
from bff.plan.reporter import Path, Reporter
from bff.secret import Secret

MOST_BYTES: Final = 16 * 1024  # of the headers, and of the query

_Named = tuple[str, str | Secret]


def compile_additions(reporter: Reporter[ServiceFile]) -> Additions | None:
    """What the service is always sent; None where that is nothing."""
    declared = reporter.document.model
    headers: list[tuple[Path, _Named]] = [
        (("headers", name), (name.lower(), value)) for name, value in declared.headers.items()
    ]
    query: list[_Named] = list(declared.query.items())
    auth = declared.auth if reporter.document.is_sound(("auth",)) else None
    if auth is not None and auth.is_callers:
        auth = None
    if auth is not None:
        headers += _credentials(auth)
        if auth.api_key is not None and auth.api_key.in_ == "query":
            query.append((auth.api_key.name, auth.api_key.value))
    _report(reporter, headers, query, auth)
    if not headers and not query and auth is None:
        return None
    sent = tuple(named for _, named in headers)
    if auth is None:
        return Additions(sent, tuple(query), None, "")
    own = auth.client_credentials
    tokens = None if own is None else token_request(own)
    return Additions(sent, tuple(query), tokens, _kind(auth))


def as_sent(operation: Operation, service: Service, key: str) -> Operation:
    """The operation with what its service adds to it: replies to other credentials have other
    keys."""
    marks: list[str] = []
    if service.additions is not None:
        marks.append(_additions_digest(service.additions, key))
    if service.disclosure is not None:
        marks.append(_disclosure_digest(service.disclosure, key))
    if service.link is not None and service.link.tls is not None:
        files = service.link.tls.given()
        marks += [pem.fingerprint(key) for _, pem in files if isinstance(pem, Secret)]
    return replace(
        operation,
        sends_own_credentials=service.identifies_gateway,
        disclosure=service.disclosure,
        digest=digest_of([operation.digest, *marks]) if marks else operation.digest,
    )


def _report(
    reporter: Reporter[ServiceFile],
    headers: Sequence[tuple[Path, _Named]],
    query: Sequence[_Named],
    auth: AuthDecl | None,
) -> None:
    for path, (_, value) in headers:
        if wrong := wrong_in_header(_text(value)):
            reporter.report(path, f"the value {wrong}", "Write it on one line.")
    for key, named in (("headers", [each for _, each in headers]), ("query", query)):
        if sum(len(f"{name}{_text(value)}".encode()) for name, value in named) > MOST_BYTES:
            reporter.report((key,), f"all together have over {MOST_BYTES} bytes", "Send less.")
    if auth is not None and auth.bearer is not None and _has_scheme(auth.bearer):
        what = "the secret begins with `Bearer`, which is put before it"
        reporter.report(("auth", "bearer"), what, "Leave it out of the secret.")


def _has_scheme(token: Secret) -> bool:
    return token.reveal().lower().startswith("bearer ")


def _additions_digest(additions: Additions, key: str) -> str:
    """Changes with every value of them: the environment's as they are, secrets by their
    fingerprints under the key."""
    tokens = additions.tokens
    return digest_of(
        [
            [[name, _mark(value, key)] for name, value in additions.headers],
            [[name, _mark(value, key)] for name, value in additions.query],
            None if tokens is None else _fingerprints(tokens, key),
        ]
    )


def _disclosure_digest(disclosure: Disclosure, key: str) -> str:
    """Changes with everything of it. Secrets count by their fingerprints under the key."""
    token = disclosure.token
    return digest_of(
        [
            [[each.name, each.template.source] for each in disclosure.headers],
            _fingerprints(token, key) if isinstance(token, TokenRequest) else token,
        ]
    )


def _fingerprints(tokens: TokenRequest, key: str) -> list[Any]:
    """What changes with everything that a request for tokens has."""
    authorization = _mark(tokens.authorization, key)
    return [tokens.url, authorization, tokens.scope, tokens.audience, tokens.resource]


def _mark(value: str | Secret, key: str) -> list[str]:
    return [value.fingerprint(key), ""] if isinstance(value, Secret) else [value]


def _credentials(auth: AuthDecl) -> Iterator[tuple[Path, _Named]]:
    """The header that identifies the gateway, where that is a constant one."""
    if auth.bearer is not None:
        value = Secret(f"Bearer {auth.bearer.reveal().strip()}")
        yield ("auth", "bearer"), ("authorization", value)
    if auth.basic is not None:
        yield ("auth", "basic"), ("authorization", basic(auth.basic.user, auth.basic.password))
    if auth.api_key is not None and auth.api_key.in_ == "header":
        yield ("auth", "api_key", "value"), (auth.api_key.name.lower(), auth.api_key.value)


def basic(user: str | Secret, password: Secret) -> Secret:
    """The value of `Authorization` for a user and a password (RFC 7617)."""
    credentials = f"{_text(user)}:{password.reveal()}".encode()
    return Secret(f"Basic {base64.b64encode(credentials).decode('ascii')}")


def token_request(declared: ClientCredentialsDecl, resource: str | None = None) -> TokenRequest:
    """What tokens are asked for with."""
    # RFC 6749 §2.3.1: both are encoded as in a form before they become credentials.
    user, password = _text(declared.client_id), declared.client_secret.reveal()
    return TokenRequest(
        declared.token_url,
        basic(quote_plus(user), Secret(quote_plus(password))),
        " ".join(declared.scopes),
        declared.audience,
        resource,
    )


def _kind(auth: AuthDecl) -> str:
    if auth.api_key is not None:
        return f"an API key in the {auth.api_key.in_} as {auth.api_key.name}"
    if auth.client_credentials is not None:
        return "tokens"
    return "a bearer token" if auth.bearer is not None else "a user and a password"


def _text(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
