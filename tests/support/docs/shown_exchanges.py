"""Exchanges as documents show them, in blocks of `http`: sent, and held against what came."""

import json
import re
from dataclasses import dataclass
from http.client import responses
from typing import Any

from tests.support.gateway.hosts import Answer, Header, Host


@dataclass(frozen=True, slots=True)
class ShownExchange:
    """A request as a client sends it, and the reply as far as the recipe shows it."""

    method: str
    target: str
    headers: list[Header]
    body: str
    status: int
    reply_headers: list[Header]
    reply_body: str


def exchange_of(text: str) -> ShownExchange:
    """The exchange of a block: a request, an empty line, and the reply from its status line on."""
    asked, status_line, answered = re.split(r"^HTTP/1\.1 (\d+ .*)$\n", text, flags=re.M)
    line, headers, body = _message_of(asked)
    method, target = line.split(" ")
    status, _, phrase = status_line.partition(" ")
    assert phrase == responses[int(status)].replace("Entity", "Content")
    _, reply_headers, reply_body = _message_of(f"\n{answered}")
    return ShownExchange(method, target, headers, body, int(status), reply_headers, reply_body)


def _message_of(text: str) -> tuple[str, list[Header], str]:
    """The first line, the headers, and the body without its last line break."""
    head, _, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    headers = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines if x)]
    return first, headers, body.rstrip("\n")


def ask(host: Host, shown: ShownExchange) -> Answer:
    """Send the request that is shown. Parts of a form end their lines as MIME has it."""
    body = shown.body
    if any("multipart/" in value for _, value in shown.headers):
        body = body.replace("\n", "\r\n") + "\r\n"
    return host.request(shown.method, shown.target, shown.headers, body.encode() if body else None)


def assert_as_shown(shown: ShownExchange, answer: Answer) -> None:
    """Headers that end in `…` are compared to there, and a body `…` is any; of a problem document
    the members shown."""
    assert answer.status == shown.status, answer.body
    for name, value in shown.reply_headers:
        actual = answer.header(name) or ""
        assert actual == value or (value.endswith("…") and actual.startswith(value[:-1])), actual
    if shown.reply_body == "…":
        return
    kind = answer.header("content-type") or ""
    if kind == "application/problem+json":
        wanted: dict[str, Any] = json.loads(shown.reply_body)
        assert {name: answer.json().get(name) for name in wanted} == wanted, answer.body
    elif kind == "application/json":
        assert answer.json() == json.loads(shown.reply_body)
    else:
        assert answer.body.decode().rstrip("\n") == shown.reply_body
