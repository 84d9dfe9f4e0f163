"""The written forms of addresses: origins, base URLs, other URLs, proxies.

Each is an annotated type for the models, and refuses in words what is not of its form.
"""

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, PlainValidator

from bff.declarations.declaration import Violation, refusal
from bff.declarations.environment.filling import LOST
from bff.secret import Secret

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")


def _check_origin(origin: str) -> str:
    if origin in ("*", "null"):
        raise refusal(
            Violation(f"'{origin}' would let any page read replies", "Name each origin exactly.")
        )
    meant = origin_as_sent(origin)
    if origin != meant:
        raise refusal(
            Violation(
                f"no browser sends the origin '{origin}'", f"Write it as browsers do: {meant}."
            )
        )
    return origin


def _check_redirect_origin(origin: str) -> str:
    meant = origin_as_sent(origin)
    if origin != meant:
        mend = f"Name each origin exactly, without a path: {meant}."
        raise refusal(Violation(f"'{origin}' is no origin", mend))
    return origin


def origin_as_sent(text: str) -> str:
    """The origin of an address as browsers write it; an example where there is none."""
    parts = _split(text)
    if parts is None or "@" in text:
        return "https://app.example.com"
    return f"{parts.scheme}://{_host_as_sent(parts)}"


def _host_as_sent(parts: SplitResult) -> str:
    """Host and port as browsers serialise them: addresses in their shortest form, and no port that
    is the scheme's own (https://url.spec.whatwg.org/#host-serializing)."""
    host = (parts.hostname or "").lower()
    with suppress(ValueError):
        address = ip_address(host)
        host = f"[{address}]" if address.version == 6 else str(address)
    is_own = parts.port == {"http": 80, "https": 443}[parts.scheme]
    return host if parts.port is None or is_own else f"{host}:{parts.port}"


def _address(url: str) -> SplitResult:
    parts = _split(url)
    if parts is None:
        raise refusal(
            Violation("this is no http address", "Write it whole: http://127.0.0.1:9102.")
        )
    if "@" in parts.netloc:
        raise refusal(Violation("an address with a user or a password", "Write them in `auth`."))
    return parts


def _check_url(url: str) -> str:
    """An address of http or https, perhaps with a query."""
    _address(url)
    if "#" in url:
        raise refusal(Violation("an address with a fragment", "Leave it out: it is never sent."))
    return url


def _check_base_url(url: str) -> str:
    """A service's address: http or https, a host, perhaps a path; returned without a last `/`."""
    parts = _address(url)
    if "?" in url or "#" in url:
        raise refusal(
            Violation("an address with a query or a fragment", "Queries belong to operations.")
        )
    if any(segment in (".", "..") for segment in parts.path.lower().replace("%2e", ".").split("/")):
        raise refusal(Violation("an address with `.` or `..` in its path", "Write the path out."))
    return url.rstrip("/")


def _check_issuer_url(url: str) -> str:
    """An address that credentials go to: https, or http to this machine."""
    parts = _address(url)
    if "#" in url:
        raise refusal(Violation("an address with a fragment", "Leave it out: it is never sent."))
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise refusal(
            Violation(
                "credentials would go there in the clear",
                "Write https; http is for localhost, 127.0.0.1 and [::1] alone.",
            )
        )
    return url


def _check_proxy_url(value: Any) -> Secret:
    """A proxy's address. What is refused is not repeated: it may have a password in it."""
    if value is LOST:
        raise refusal()
    if not isinstance(value, str | Secret):
        raise refusal(Violation("this is no text", "Write http://host:port."))
    url = value.reveal() if isinstance(value, Secret) else value
    parts = _split(url)
    if (
        parts is None
        or parts.scheme != "http"
        or parts.path not in ("", "/")
        or "?" in url
        or "#" in url
    ):
        raise refusal(
            Violation(
                "this is no address of an HTTP proxy",
                "Write http://host:port, or http://user:${secret.PASSWORD}@host:port: the gateway"
                " speaks plain HTTP to proxies. What means something in an address is encoded in a"
                " password: %40 for @.",
            )
        )
    if parts.password and not isinstance(value, Secret):
        raise refusal(
            Violation(
                "a password stands in the file",
                "Write ${secret.NAME} for it: http://user:${secret.NAME}@host:port.",
            )
        )
    return Secret(url.rstrip("/"))


def _split(url: str) -> SplitResult | None:
    """The parts of an http address, None when it is none that goes on the wire as it is."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.netloc.rpartition("@")[2]
    host = host if port is None else host.rpartition(":")[0]
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0:
        return None
    return parts


Origin = Annotated[str, AfterValidator(_check_origin)]
RedirectOrigin = Annotated[str, AfterValidator(_check_redirect_origin)]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Url = Annotated[str, AfterValidator(_check_url)]
IssuerUrl = Annotated[str, AfterValidator(_check_issuer_url)]
ProxyUrl = Annotated[Secret, PlainValidator(_check_proxy_url)]
