"""`identity.sessions` of `gateway.yaml`: browsers that log in at an OpenID provider."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator

from bff.declarations.declaration import Declaration, Violation, refusal
from bff.declarations.environment.filling import LOST
from bff.declarations.models.addresses import BaseUrl, Url, origin_as_sent
from bff.declarations.models.auth import SecretText, check_scopes
from bff.declarations.models.forms import FromList, Lifetime
from bff.own_paths import is_own_path
from bff.secret import Secret, UnreadSecret
from bff.settings import check_redis_url

LEAST_KEY: Final = 32  # characters
MOST_KEYS: Final = 10


def _check_is_private(url: str) -> None:
    """https, or http that does not leave this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost" or host.endswith(".localhost"):
        return
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise refusal(
            Violation(
                "cookies and tokens need https",
                f"Write https://{parts.netloc}{parts.path}: http is for localhost alone.",
            )
        )


def _check_issuer(url: str) -> str:
    if "?" in url:
        raise refusal(Violation("an issuer with a query", "Write it as its metadata does."))
    _check_is_private(url)
    return url


def _check_public_url(url: str) -> str:
    origin = origin_as_sent(url)
    given = url.partition("://")[2].partition("/")[0]
    if origin.partition("://")[2] != given:
        raise refusal(
            Violation(
                f"no browser sends the origin '{url.removesuffix(urlsplit(url).path)}'",
                f"Write it as browsers do: {origin}.",
            )
        )
    _check_is_private(url)
    return url


def _check_client_id(name: str) -> str:
    if not name or not name.isprintable():
        raise refusal(Violation("this is no client", "Write the id that the issuer gave you."))
    return name


def _check_session_scopes(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in check_scopes(scopes):
        raise refusal(
            Violation("no scope is openid", "Add it: without it the issuer names nobody.")
        )
    return scopes


def _check_keys(keys: tuple[Secret, ...]) -> tuple[Secret, ...]:
    if not 1 <= len(keys) <= MOST_KEYS:
        raise refusal(
            Violation(
                f"sessions have 1 to {MOST_KEYS} keys, from the newest to the oldest",
                "Write [${secret.SESSION_KEY}], and put a new one before it.",
            )
        )
    for index, key in enumerate(keys):
        if not isinstance(key, UnreadSecret) and len(key.reveal()) < LEAST_KEY:
            raise refusal(
                Violation(
                    f"a key has {LEAST_KEY} characters or more",
                    "Make one: openssl rand -base64 32.",
                    (index,),
                )
            )
        if key in keys[:index]:
            raise refusal(Violation("this key stands before", "Keep one.", (index,)))
    return keys


def _check_redis(value: Any) -> Secret:
    """The address of a Redis. What is refused is not repeated: it may have a password in it."""
    if value is LOST:
        raise refusal()
    if not isinstance(value, str | Secret):
        raise refusal(Violation("this is no text", "Write ${env.SESSION_REDIS}."))
    secret = value if isinstance(value, Secret) else Secret(value)
    if not isinstance(value, UnreadSecret):
        try:
            check_redis_url(secret.reveal())
        except ValueError as error:
            what = f"the address {error}"
            raise refusal(Violation(what, "Write redis://host:6379/0.")) from None
    if isinstance(value, str) and urlsplit(value).password:
        raise refusal(
            Violation(
                "a password stands in the file or in a variable",
                "Write ${secret.NAME} for it: redis://:${secret.NAME}@host:6379.",
            )
        )
    return secret


def _check_own_path(path: str) -> str:
    if not is_own_path(path):
        raise refusal(
            Violation("this is no path of your own site", "Write it from the root: /welcome.")
        )
    return path


OwnPath = Annotated[str, AfterValidator(_check_own_path)]


class SessionsDecl(Declaration):
    """Where browsers log in, and how long for."""

    issuer: Annotated[Url, AfterValidator(_check_issuer)]
    client_id: Annotated[str, AfterValidator(_check_client_id)]
    client_secret: SecretText
    scopes: Annotated[tuple[str, ...], FromList, AfterValidator(_check_session_scopes)] = (
        "openid",
    )
    public_url: Annotated[BaseUrl, AfterValidator(_check_public_url)]
    keys: Annotated[tuple[SecretText, ...], FromList, AfterValidator(_check_keys)]
    redis: Annotated[Secret, PlainValidator(_check_redis)] | None = None
    after_login: OwnPath = "/"
    after_logout: OwnPath = "/"
    idle: Lifetime = 30 * 60.0
    absolute: Lifetime = 12 * 3600.0

    def violations(self) -> Iterator[Violation]:
        if self.knows("idle", "absolute") and self.idle > self.absolute:
            yield Violation(
                "the idle end comes after the absolute one", "Write a shorter time.", ("idle",)
            )
