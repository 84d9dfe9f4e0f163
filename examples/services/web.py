"""The little that the sample services need of a web framework, over ASGI.

Handlers are plain functions: a `Request` in, a JSON value, a `Text` or a `Reply` of either out; a
`Refusal` raised is an error reply. Beside its own endpoints each service has

    GET  /healthz    answers as soon as the service does
    GET  /_stats     {"requests": 12, "bytes": 34567} sent so far, these two and switches left out
    POST /_switch    {"delay_ms": 250, "fail": 503} from now on; a key left out stays as it is
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY_LIMIT = 1024 * 1024


class Refusal(Exception):
    """An error reply: a status, and a sentence for the caller."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


@dataclass(slots=True)
class Request:
    """What a handler sees. `path` holds the pattern's parts by name, as text."""

    path: dict[str, str]
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object; anything else is refused."""
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Refusal(400, "the body is not JSON") from None
        if not isinstance(value, dict):
            raise Refusal(422, "the body must be an object")
        return value

    def path_number(self, name: str) -> int:
        """A part of the path as a number; other texts name nothing that exists."""
        text = self.path[name]
        if not (text.isascii() and text.isdigit()):
            raise Refusal(404, f"there is no {text}")
        return int(text)

    def number(self, name: str, default: int, *, low: int, high: int) -> int:
        """One query param as a number between two bounds."""
        text = self.query.get(name, [str(default)])[-1]
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise Refusal(422, f"{name} must be a number from {low} to {high}")
        return int(text)

    def numbers(self, name: str) -> list[int]:
        """A list in the query, comma-separated or repeated: `ids=1,2` or `ids=1&ids=2`."""
        texts = [text for value in self.query.get(name, []) for text in value.split(",")]
        if not texts or not all(text.isascii() and text.isdigit() for text in texts):
            raise Refusal(422, f"{name} must be a list of numbers")
        return [int(text) for text in texts]


@dataclass(frozen=True, slots=True)
class Text:
    """A body that is no JSON; with a `file_name`, one that browsers save."""

    text: str
    media_type: str
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply with a status of its own; handlers may give the bare value for 200."""

    status: int
    value: Any


Handler = Callable[[Request], Any]


@dataclass(slots=True)
class Switches:
    """How the service misbehaves on purpose: every reply late, or every reply a failure."""

    delay_ms: float = 0
    fail: int | None = None


@dataclass(slots=True)
class Service:
    """An ASGI application: endpoints in the order they were added; the first that matches wins."""

    name: str
    switches: Switches = field(default_factory=Switches)
    requests_answered: int = 0
    bytes_sent: int = 0
    _endpoints: list[tuple[str, re.Pattern[str], Handler]] = field(default_factory=list)

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Answer `method` at `path`, where `{name}` stands for one segment."""
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
        self._endpoints.append((method, pattern, handler))

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _read_body(receive)
        own = self._answer_own(scope["method"], scope["path"], body)
        if own is not None:
            await _send_reply(send, own)
            return
        # The answer is made before the wait, as a service's is: what it reads is as it was then.
        reply = self._answer(scope, body)
        if self.switches.delay_ms:
            await asyncio.sleep(self.switches.delay_ms / 1000)
        self.requests_answered += 1
        self.bytes_sent += await _send_reply(send, reply)

    def _answer_own(self, method: str, path: str, body: bytes) -> Reply | None:
        match method, path:
            case "GET", "/healthz":
                return Reply(200, {"service": self.name, "status": "ok"})
            case "GET", "/_stats":
                return Reply(200, {"requests": self.requests_answered, "bytes": self.bytes_sent})
            case "POST", "/_switch":
                try:
                    self._switch(Request({}, {}, {}, body).json_object())
                except Refusal as refusal:
                    return Reply(refusal.status, {"detail": refusal.detail})
                return Reply(200, {"delay_ms": self.switches.delay_ms, "fail": self.switches.fail})
            case _:
                return None

    def _switch(self, wanted: dict[str, Any]) -> None:
        delay_ms = wanted.get("delay_ms", self.switches.delay_ms)
        fail = wanted.get("fail", self.switches.fail)
        if not (isinstance(delay_ms, int | float) and 0 <= delay_ms <= 60_000):
            raise Refusal(422, "delay_ms must be a number from 0 to 60000")
        if fail is not None and not (isinstance(fail, int) and 400 <= fail <= 599):
            raise Refusal(422, "fail must be a status from 400 to 599, or null")
        self.switches.delay_ms, self.switches.fail = delay_ms, fail

    def _answer(self, scope: MutableMapping[str, Any], body: bytes) -> Reply:
        if self.switches.fail is not None:
            return Reply(self.switches.fail, {"detail": "switched to fail"})
        path, allowed = scope["path"], set()
        for method, pattern, handler in self._endpoints:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if method != scope["method"]:
                allowed.add(method)
                continue
            request = Request(
                found.groupdict(),
                parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
                {name.decode(): value.decode("latin-1") for name, value in scope["headers"]},
                body,
            )
            try:
                answer = handler(request)
            except Refusal as refusal:
                return Reply(refusal.status, {"detail": refusal.detail})
            return answer if isinstance(answer, Reply) else Reply(200, answer)
        if allowed:
            return Reply(405, {"detail": f"allowed here: {', '.join(sorted(allowed))}"})
        return Reply(404, {"detail": f"there is nothing at {path}"})


async def _read_body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > BODY_LIMIT:
            return bytes(body)


async def _send_reply(send: Send, reply: Reply) -> int:
    """Send the reply, and give its body's size in bytes."""
    headers = []
    match reply.value:
        case Text(text, media_type, file_name):
            body = text.encode()
            headers.append((b"content-type", f"{media_type}; charset=utf-8".encode()))
            if file_name is not None:
                disposition = f'attachment; filename="{file_name}"'
                headers.append((b"content-disposition", disposition.encode()))
        case value:
            body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
            headers.append((b"content-type", b"application/json"))
    headers.append((b"content-length", str(len(body)).encode()))
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return len(body)
