"""What an issuer says of itself: OpenID Connect Discovery 1.0 §3 and §4, RFC 8414 §2. Pure.

Metadata comes over the network, and decides where the gateway sends secrets. So its `issuer` must
be the one that was asked for, to the character, and each address in it is https, or http to this
machine where the issuer's own is.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from bff.identity.issuers.requests import IssuerDown

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_LONGEST_URL: Final = 2048
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class IssuerMetadata:
    """An issuer's addresses; None where it has none. Methods and algorithms are as it writes them;
    empty where it names none."""

    issuer: str
    jwks_uri: str | None = None
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    introspection_endpoint: str | None = None
    revocation_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods: frozenset[str] = frozenset()
    code_challenge_methods: frozenset[str] = frozenset()
    id_token_algorithms: frozenset[str] = frozenset()
    names_issuer_in_callback: bool = False  # RFC 9207


def metadata_url(issuer: str) -> str:
    """Where an issuer's metadata is."""
    return issuer.removesuffix("/") + _WELL_KNOWN


def read_metadata(issuer: str, document: Any) -> IssuerMetadata:
    """The metadata in a reply. Raises `IssuerDown`."""
    if not isinstance(document, dict):
        raise IssuerDown("its metadata is no object")
    if document.get("issuer") != issuer:
        raise IssuerDown("its metadata is of another issuer")

    def url(name: str) -> str | None:
        value = document.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not may_ask(value, issuer):
            raise IssuerDown(f"its metadata has a {name} that is not safe to ask")
        return value

    def names(name: str) -> frozenset[str]:
        value = document.get(name)
        given = value if isinstance(value, list) else []
        return frozenset(each for each in given if isinstance(each, str))

    return IssuerMetadata(
        issuer,
        jwks_uri=url("jwks_uri"),
        authorization_endpoint=url("authorization_endpoint"),
        token_endpoint=url("token_endpoint"),
        introspection_endpoint=url("introspection_endpoint"),
        revocation_endpoint=url("revocation_endpoint"),
        end_session_endpoint=url("end_session_endpoint"),
        token_endpoint_auth_methods=names("token_endpoint_auth_methods_supported"),
        code_challenge_methods=names("code_challenge_methods_supported"),
        id_token_algorithms=names("id_token_signing_alg_values_supported"),
        names_issuer_in_callback=document.get("authorization_response_iss_parameter_supported")
        is True,
    )


def may_ask(url: str, issuer: str) -> bool:
    """Whether the gateway may send to this address of an issuer's."""
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- raises where it is no port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or "#" in url or "\\" in url:
        return False
    if parts.scheme == "https":
        return True
    own = urlsplit(issuer)
    is_local = own.scheme == "http" and own.hostname in LOOPBACK_HOSTS
    return parts.scheme == "http" and is_local and parts.hostname in LOOPBACK_HOSTS
