"""The gateway's own requests to issuers: key sets, metadata, token endpoints, introspection.

Rules:
1. A request goes to the address that it was given: no redirect is followed, and no proxy or other
   variable of the environment is read.
2. A reply is JSON of `REPLY_BYTES` at most, within `TIMEOUT_SECONDS` from the request's start.
3. There is no cookie store, and no coding is asked for or decoded.
4. `AT_ONCE` requests are under way to one host. More of them wait within their own time, and an
   issuer that hangs holds up no other.
5. `IssuerDown` says in a few words what went wrong; it holds nothing of a reply and no secret.

Belongs to one event loop.
"""

import asyncio
import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlencode
from weakref import WeakValueDictionary

import httpx

from bff.plan.schemas.json_texts import may_be_deep
from bff.secret import Secret
from bff.telemetry.metrics.definitions.definition import OTHER, STATUS_LABELS
from bff.telemetry.metrics.definitions.services import ISSUER_REQUESTS
from bff.telemetry.metrics.families import Metrics
from bff.tls import TlsFiles, client_context

TIMEOUT_SECONDS: Final = 5.0
REPLY_BYTES: Final = 256 * 1024
_CONNECT_SECONDS: Final = 2.0
_IDLE_SECONDS: Final = 15.0
AT_ONCE: Final = 32


class IssuerDown(Exception):
    """An issuer gave no usable answer; the text is for the log, the `word` for counts."""

    def __init__(
        self, text: str, word: Literal["timeout", "unreachable", "protocol"] = "protocol"
    ) -> None:
        super().__init__(text)
        self.word = word


class Question(NamedTuple):
    """Which issuer is asked, as the project names it, and for what."""

    issuer: str
    purpose: Literal["metadata", "keys", "introspection", "tokens"]


class IssuerReply(NamedTuple):
    """A whole reply, and its JSON: None where the body is empty, or an error's that is no JSON."""

    status: int
    document: Any


class IssuerClient:
    """Asks issuers. `open_context` makes the TLS context, at the first https request. Requests
    are counted in `metrics`."""

    def __init__(
        self,
        open_context: Callable[[], ssl.SSLContext] = lambda: client_context(TlsFiles()),
        metrics: Metrics | None = None,
    ) -> None:
        self._open_context = open_context
        self._seconds = (metrics or Metrics()).histogram(ISSUER_REQUESTS)
        self._transports: dict[bool, httpx.AsyncHTTPTransport] = {}
        self._slots: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()

    async def get(self, url: str, question: Question) -> Any:
        """The JSON at an address that answers 200. Raises `IssuerDown`."""
        reply = await self._ask(question, _request("GET", url, _HEADERS))
        if reply.status != 200:
            raise IssuerDown(f"answered {reply.status}")
        return reply.document

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        question: Question,
        *,
        client: tuple[str, Secret] | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> IssuerReply:
        """The reply to a form, whatever its status; `client` are the gateway's own id and secret,
        as HTTP's basic credentials (RFC 6749 §2.3.1). Raises `IssuerDown`."""
        headers = {**_HEADERS, "content-type": "application/x-www-form-urlencoded"}
        if client is not None:
            headers["authorization"] = _basic(*client)
        request = _request("POST", url, headers, urlencode(form).encode())
        return await self._ask(question, request, timeout_seconds)

    async def close(self) -> None:
        """Close every connection."""
        transports, self._transports = list(self._transports.values()), {}
        for transport in transports:
            await transport.aclose()

    async def _ask(
        self, question: Question, request: httpx.Request, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> IssuerReply:
        """The reply; counted, whatever comes of it."""
        began_at = time.perf_counter()
        try:
            reply = await self._send(request, timeout_seconds)
        except IssuerDown as down:
            self._count(question, down.word, began_at)
            raise
        except asyncio.CancelledError:  # its time is over, or nobody waits any longer
            self._count(question, "cancelled", began_at)
            raise
        error = STATUS_LABELS.get(reply.status, OTHER) if reply.status >= 400 else ""
        self._count(question, error, began_at)
        return reply

    def _count(self, question: Question, error: str, began_at: float) -> None:
        cell = self._seconds.at(*question, error)
        self._seconds.observe(cell, time.perf_counter() - began_at)

    async def _send(self, request: httpx.Request, timeout_seconds: float) -> IssuerReply:
        request.extensions["timeout"] = {
            "connect": min(_CONNECT_SECONDS, timeout_seconds),
            "read": timeout_seconds,
            "write": timeout_seconds,
            "pool": timeout_seconds,
        }
        try:
            async with asyncio.timeout(timeout_seconds), self._slots_of(request.url.netloc):
                response = await self._transport(request.url.scheme).handle_async_request(request)
                try:
                    return await _read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise IssuerDown("took too long", "timeout") from None
        except (httpx.HTTPError, OSError) as error:
            raise IssuerDown(f"can't be reached ({type(error).__name__})", "unreachable") from None

    def _slots_of(self, host: bytes) -> asyncio.Semaphore:
        """Kept by those who use it: metadata may name ever other hosts."""
        return self._slots.setdefault(host, asyncio.Semaphore(AT_ONCE))

    def _transport(self, scheme: str) -> httpx.AsyncHTTPTransport:
        is_tls = scheme == "https"
        found = self._transports.get(is_tls)
        if found is None:
            # httpcore's pool loses connections that are cancelled while they open (httpcore
            # #1093). So the pool has no limit, which such connections could use up.
            limits = httpx.Limits(
                max_connections=None, max_keepalive_connections=8, keepalive_expiry=_IDLE_SECONDS
            )
            verify = self._open_context() if is_tls else False
            found = httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False)
            self._transports[is_tls] = found
        return found


_HEADERS: Final = {
    "accept": "application/json",
    "accept-encoding": "identity",
    "user-agent": "bff",
}


def _request(
    method: str, url: str, headers: Mapping[str, str], content: bytes | None = None
) -> httpx.Request:
    try:
        return httpx.Request(method, url, headers=headers, content=content)
    except (httpx.InvalidURL, ValueError):  # what looks like an address, with a host that is none
        raise IssuerDown("has an address that can't be asked") from None


async def _read(response: httpx.Response) -> IssuerReply:
    coding = response.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise IssuerDown("answered in a coding that nobody asked for")
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > REPLY_BYTES:
            raise IssuerDown(f"answered with more than {REPLY_BYTES} bytes")
    status = response.status_code
    try:
        return IssuerReply(status, _parse(bytes(body)))
    except IssuerDown:
        if 200 <= status < 300:
            raise
        return IssuerReply(status, None)  # the page of a proxy: its status says enough


def _parse(body: bytes) -> Any:
    if not body.strip():
        return None
    if may_be_deep(body):
        raise IssuerDown("answered with JSON that is nested too deep")
    try:
        return json.loads(body, object_pairs_hook=unique_members, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise IssuerDown("answered with no JSON") from None


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `json.loads`. Raises `ValueError` where a member stands twice: two
    readers could take different ones (RFC 8259 §4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _basic(client_id: str, secret: Secret) -> str:
    # RFC 6749 §2.3.1: each is encoded as a form's value first.
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
