"""What a row sends, and what must come back. Pure, but for the sending."""

import json
from dataclasses import dataclass
from typing import Any

import httpx


class WrongValue(Exception):
    """A row answers something else than it should, or does not answer."""


def open_client(timeout_seconds: float) -> httpx.Client:
    """A client that adds nothing of its own; httpx's defaults accept gzip."""
    client = httpx.Client(trust_env=False, timeout=timeout_seconds)
    client.headers.clear()
    return client


@dataclass(frozen=True, slots=True)
class Request:
    """A GET, or a POST of JSON where there is a `body`.

    `is_conditional` adds `If-None-Match` with the ETag that a reply had before, once it is known.
    """

    accept_encoding: str = ""
    body: bytes | None = None
    is_conditional: bool = False
    more: tuple[tuple[str, str], ...] = ()  # headers

    def headers(self, etag: str = "") -> dict[str, str]:
        """Nothing but what the row is about; no client's defaults."""
        headers = dict(self.more)
        if self.accept_encoding:
            headers["Accept-Encoding"] = self.accept_encoding
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if etag:
            headers["If-None-Match"] = etag
        return headers

    def send(self, client: httpx.Client, url: str, etag: str = "") -> httpx.Response:
        """The reply to it. Raises `httpx.HTTPError`."""
        method = "GET" if self.body is None else "POST"
        return client.request(method, url, headers=self.headers(etag), content=self.body)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a reply must be: JSON equal to `value` once it is decoded, in exactly this content
    coding, and with `text` in `header`. A `status` of 400 or more is a refusal."""

    value: Any
    header: str = "content-type"
    text: str = "application/json"
    encoding: str = ""
    status: int = 200

    def count_wrong(self, requests: int, refusals: int, broken: int) -> int:
        """How many of so many requests went wrong, of which so many were refused and broken."""
        return broken + (refusals if self.status < 400 else requests - refusals)

    def check(self, reply: httpx.Response) -> None:
        """Raises `WrongValue`."""
        path = reply.url.path
        if reply.status_code != self.status:
            raise WrongValue(f"{path} answers {reply.status_code}: {reply.text[:300]}")
        _has(reply, "content-encoding", self.encoding)
        if self.text not in reply.headers.get(self.header, ""):
            raise WrongValue(
                f"{path} answers with {self.header}: {reply.headers.get(self.header)!r}, "
                f"without {self.text!r}"
            )
        if _parse(reply) != self.value:
            raise WrongValue(f"{path} answers other values: {reply.text[:300]}")

    def check_not_modified(self, reply: httpx.Response, etag: str) -> None:
        """The reply to a request that named this ETag. Raises `WrongValue`."""
        if reply.status_code != httpx.codes.NOT_MODIFIED:
            raise WrongValue(f"{reply.url.path} answers {reply.status_code} where 304 is due")
        _has(reply, "etag", etag)
        if reply.content:
            raise WrongValue(f"{reply.url.path} answers 304 with a body")


def _has(reply: httpx.Response, header: str, value: str) -> None:
    found = reply.headers.get(header, "")
    if found != value:
        raise WrongValue(f"{reply.url.path} answers with {header}: {found!r} instead of {value!r}")


def _parse(reply: httpx.Response) -> Any:
    try:
        return json.loads(reply.content)
    except ValueError as error:
        raise WrongValue(f"{reply.url.path} answers no JSON: {reply.text[:300]}") from error
