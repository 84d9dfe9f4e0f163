"""A transport in memory that does what it is told, and keeps account of what it was asked.

    transport = ScriptedTransport({"GET /users/1": json_reply({"id": 1}), "GET /orders": never})

A *script* is a reply, a failure, a list of scripts taken one a call, or an async function of the
request. It is found by method and target (path and query), then by method and path. A request
without a script is a bug of the test, and raises.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pydantic_core import to_json

from bff.engine.answers import Handle, OnAnswer, TaskCall
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed
from bff.plan.model.service import Link
from bff.upstream.ports import UpstreamStream
from tests.support.upstream.requests import UpstreamRequest

Answer = UpstreamReply | Failed
Script: TypeAlias = (
    "UpstreamReply | Failed | list[Script] | Callable[[UpstreamRequest], Awaitable[Script]]"
)


def reply(status: int, body: bytes = b"", **headers: str) -> UpstreamReply:
    """A reply; header names are written with underscores: `retry_after="3"`."""
    return UpstreamReply(
        status,
        [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        body,
    )


def json_reply(value: Any, status: int = 200) -> UpstreamReply:
    """A reply with a JSON body."""
    return reply(status, to_json(value), content_type="application/json")


async def never(_: UpstreamRequest) -> Answer:
    """No answer, until the call is cancelled."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def held(gate: asyncio.Event, script: "Script") -> "Script":
    """The script, once the gate is open."""

    async def wait(_: UpstreamRequest) -> "Script":
        await gate.wait()
        return script

    return wait


def after(seconds: float, script: "Script") -> "Script":
    """The script, after so many seconds of the loop's clock; for loops of fake time."""

    async def wait(_: UpstreamRequest) -> "Script":
        await asyncio.sleep(seconds)
        return script

    return wait


class ScriptedTransport:
    """Keeps to its scripts. `requests` has every request in order of arrival."""

    def __init__(self, scripts: "Mapping[str, Script]") -> None:
        self.scripts = dict(scripts)
        self.requests: list[UpstreamRequest] = []
        self.timeouts: list[float] = []  # what each request was given
        self.byte_caps: list[int] = []
        self.calls: Counter[str] = Counter()  # by "GET /path?query"
        self.in_flight = 0
        self.most_in_flight = 0
        self.cancelled: list[str] = []
        self.began_at: list[float] = []  # by the loop's clock
        self._arrival = asyncio.Condition()

    def at(self, base: str, link: Link | None) -> "_ScriptedInstance":
        return _ScriptedInstance(self, base, link)

    async def wait_for_calls(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)

    def targets(self) -> list[str]:
        """Method and target of every request, in order of arrival."""
        return [
            f"{each.method} {each.url.removeprefix('http://upstream.test')}"
            for each in self.requests
        ]

    async def close(self) -> None:
        """Nothing is open."""

    async def play(self, name: str, path: str, request: UpstreamRequest) -> Answer:
        """The answer that the request's script comes to."""
        async with self._arrival:
            self._arrival.notify_all()
        key = name if name in self.scripts else path
        script = self.scripts[key]
        while True:
            match script:
                case UpstreamReply() | Failed():
                    return script
                case list():
                    self.scripts[key] = script[1:]
                    script = script[0]
                case _:
                    script = await script(request)


class _ScriptedInstance:
    """An instance of the transport."""

    def __init__(self, transport: ScriptedTransport, base: str, link: Link | None) -> None:
        self._transport = transport
        self._base = base
        self._link = link

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        request = UpstreamRequest.of(self._base, self._link, call)
        transport = self._transport
        transport.requests.append(request)
        transport.timeouts.append(timeout_seconds)
        transport.byte_caps.append(byte_cap)
        transport.began_at.append(asyncio.get_running_loop().time())
        return _ScriptedCall(transport, request, on_answer)

    def open(
        self, call: ServiceCall, on_answer: OnAnswer[UpstreamStream], *, timeout_seconds: float
    ) -> Handle:
        raise NotImplementedError("compositions don't stream")


class _ScriptedCall:
    """One call under way."""

    def __init__(
        self,
        transport: ScriptedTransport,
        request: UpstreamRequest,
        on_answer: OnAnswer[UpstreamReply],
    ) -> None:
        url = urlsplit(request.url)
        path = f"{request.method} {url.path}"
        self._name = f"{path}?{url.query}" if url.query else path
        self._transport = transport
        self._on_answer = on_answer
        transport.calls[self._name] += 1
        transport.in_flight += 1
        transport.most_in_flight = max(transport.most_in_flight, transport.in_flight)
        self._is_over = False
        self._call = TaskCall(transport.play(self._name, path, request), self._answer)

    def cancel(self) -> None:
        if not self._is_over:
            self._end()
            self._transport.cancelled.append(self._name)
            self._call.cancel()

    def _answer(self, answer: UpstreamReply | Failed | Exception) -> None:
        self._end()
        self._on_answer(answer)

    def _end(self) -> None:
        self._is_over = True
        self._transport.in_flight -= 1
