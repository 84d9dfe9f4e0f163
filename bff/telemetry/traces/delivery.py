"""Sends batches of spans to a collector: OTLP over HTTP, with retries.

https://opentelemetry.io/docs/specs/otlp/#otlphttp. Runs on the thread of the
sender, which may wait. `decide`, which is pure, decides what follows from an answer.
"""

import asyncio
import gzip
import os
import random
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, Literal, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

from bff.errors import SettingsError
from bff.telemetry.traces.otlp import rejected_spans
from bff.telemetry.traces.settings import TraceSettings
from bff.version import __version__

MOST_ATTEMPTS: Final = 5
_FIRST_PAUSE_SECONDS: Final = 1.0  # doubled after each attempt
_MOST_PAUSE_SECONDS: Final = 30.0
_MOST_REPLY_BYTES: Final = 64 * 1024
_MAY_PASS: Final = frozenset({429, 502, 503, 504})


class Delivered(NamedTuple):
    """The collector has the batch, except the `rejected` spans. `why` is its reason for these."""

    rejected: int
    why: str


class Lost(NamedTuple):
    """The collector didn't get the batch, and the batch is given up."""

    reason: Literal["refused", "unreachable"]
    why: str


class Again(NamedTuple):
    """The batch must be sent again after a pause."""

    pause_seconds: float
    why: str


class Answered(NamedTuple):
    """The answer to one attempt: a reply, or `trouble` with status 0."""

    status: int
    body: bytes
    retry_after: str | None
    trouble: str = ""


def decide(answer: Answered, attempt: int, dice: float) -> Delivered | Lost | Again:
    """What follows from the answer to an attempt; attempts count from 1. `dice` is from 0 to 1:
    half of a pause is random, so that workers don't try again at the same moment."""
    status, body, retry_after, trouble = answer
    if 200 <= status < 300:
        return Delivered(*rejected_spans(body))
    why = trouble or f"it answered {status}"
    may_pass = not status or status in _MAY_PASS
    if not may_pass:
        return Lost("refused", why)
    if attempt >= MOST_ATTEMPTS:
        return Lost("unreachable", why)
    pause = _FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1) * (0.5 + dice / 2)
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        pause = max(pause, float(retry_after[:9]))
    return Again(min(pause, _MOST_PAUSE_SECONDS), why)


class Collector:
    """A connection to a collector, for one thread. Raises `SettingsError` where the settings can't
    be used."""

    def __init__(self, settings: TraceSettings) -> None:
        self._settings = settings
        self._headers = {
            "user-agent": f"OTel-OTLP-Exporter-bff/{__version__}",
            **dict(settings.headers),
            "accept-encoding": "identity",
            "content-type": "application/x-protobuf",
        }
        if settings.compression == "gzip":
            self._headers["content-encoding"] = "gzip"
        url = _url_of(settings)
        if url.userinfo:
            password = f"{url.username}:{url.password}".encode()
            self._headers["authorization"] = f"Basic {b64encode(password).decode()}"
        self._url = url.copy_with(userinfo=b"")
        # Not a client: it follows redirects, stores cookies, and logs each URL. The pool has no
        # limit, which connections that are cancelled while they open could use up (httpcore #1093).
        self._transport = httpx.AsyncHTTPTransport(
            verify=_verification(settings),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=1),
            proxy=_proxy_of(url),
        )
        self._runner = asyncio.Runner()  # only a loop can end a reply that drips (httpx #1450)

    def send(self, body: bytes) -> Answered:
        """One attempt to send a batch."""
        if self._settings.compression == "gzip":
            body = gzip.compress(body, 1)
        return self._runner.run(self._post(body))

    def close(self) -> None:
        """Close the connection."""
        self._runner.run(self._transport.aclose())
        self._runner.close()

    async def _post(self, body: bytes) -> Answered:
        request = httpx.Request("POST", self._url, headers=self._headers, content=body)
        received = bytearray()
        answered = Answered(0, b"", None, "TimeoutError")
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                reply = await self._transport.handle_async_request(request)
                async with aclosing(reply):
                    answered = Answered(reply.status_code, b"", reply.headers.get("retry-after"))
                    # Not decoded, since a decoded body could have any size.
                    async for piece in reply.aiter_raw():
                        received += piece
                        if len(received) > _MOST_REPLY_BYTES:
                            break
        except (httpx.HTTPError, OSError) as error:  # TimeoutError is one
            if not answered.status:
                answered = answered._replace(trouble=_trouble_of(error))
        # The status decides, even where the body broke off.
        return answered._replace(body=bytes(received))


def deliver(
    send: Callable[[bytes], Answered],
    body: bytes,
    pause: Callable[[float], bool],
    dice: Callable[[], float] = random.random,
) -> Delivered | Lost:
    """Send a batch, with further attempts where it fails. `pause` waits for some seconds, and
    returns True where no further attempt shall follow."""
    attempt = 1
    while True:
        verdict = decide(send(body), attempt, dice())
        if not isinstance(verdict, Again):
            return verdict
        if pause(verdict.pause_seconds):
            return Lost("unreachable", verdict.why)
        attempt += 1


def _trouble_of(error: Exception) -> str:
    """What went wrong, in the words of the system. The error's own text may have the address, which
    may hold a secret."""
    name = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLError() | socket.gaierror():
                return f"{name}: {cause.strerror}"
            case OSError() if cause.errno is not None:
                return f"{name}: {os.strerror(cause.errno)}"
        cause = cause.__cause__ or cause.__context__
    return name


def _url_of(settings: TraceSettings) -> httpx.URL:
    try:
        return httpx.URL(settings.endpoint)
    except httpx.InvalidURL:  # it is very long, for one
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT: must be an http:// or https:// URL"
        ) from None


def _proxy_of(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for this address. The SDKs' exporters use the same."""
    named = getproxies()
    proxy = named.get(url.scheme) or named.get("all")
    names = (url.raw_host.decode(), url.netloc.decode())  # NO_PROXY may have the port, too
    if not proxy or any(map(proxy_bypass, names)):
        return None
    try:
        found = httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}")
    except (httpx.InvalidURL, ValueError):
        found = None
    if found is None or found.url.scheme not in ("http", "https"):
        raise SettingsError(
            f"{url.scheme.upper()}_PROXY: must be an http:// or https:// URL, since traces go"
            " through it. NO_PROXY may name the host of OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    return found


def _verification(settings: TraceSettings) -> ssl.SSLContext | bool:
    if settings.certificate is None:
        return True
    try:
        return ssl.create_default_context(cafile=settings.certificate)
    except OSError:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_CERTIFICATE: must be a PEM file with certificates of authorities"
        ) from None
