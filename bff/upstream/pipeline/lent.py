"""Calls of a route that lends its clients the service's credentials.

Rules:
1. What identifies the client to the service does not go along: its `Authorization`, and headers and
   params of the query that are the gateway's own here.
2. A 401, 403 or 429 is about the gateway's credentials, and no reply for the client: it is a
   failure, and its body is closed. It is about the client where the service learns who that is (see
   `Disclosure.is_caller_refused`).
"""

import logging
from functools import partial
from typing import Generic, TypeVar
from urllib.parse import unquote_plus

from msgspec import structs

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import Headers, ServiceCall, UpstreamReply
from bff.engine.steps.failures import OF_OWN_CREDENTIALS
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Service
from bff.telemetry.logs.repeats import Complaints
from bff.upstream.pipeline.additions import RenderedAdditions
from bff.upstream.pipeline.balance import Way
from bff.upstream.ports import UpstreamStream

T = TypeVar("T")

_log = logging.getLogger(__name__)


def lent(
    way: Way[T], additions: RenderedAdditions, service: Service, complaints: Complaints
) -> Way[T]:
    """The way of calls that keep both rules; `way` has the additions."""
    own, disclosure = service.identifies_gateway, service.disclosure
    refusals = frozenset(
        status
        for status in OF_OWN_CREDENTIALS
        if disclosure is None or not disclosure.is_caller_refused(status, identifies_gateway=own)
    )
    return partial(_Lent, way, _Strip(additions), service.name, refusals, complaints)


class _Lent(Generic[T]):
    """A call with the gateway's credentials; it is itself the handle."""

    __slots__ = ("_complaints", "_current", "_on_answer", "_refusals", "_service")

    def __init__(
        self,
        way: Way[T],
        strip: "_Strip",
        service: str,
        refusals: frozenset[int],
        complaints: Complaints,
        call: ServiceCall,
        seconds: float,
        on_answer: OnAnswer[T],
    ) -> None:
        self._service = service
        self._refusals = refusals
        self._complaints = complaints
        self._on_answer = on_answer
        self._current: Handle = way(strip(call), seconds, self._take)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._current.cancel()

    def _take(self, answer: T | Failed | Exception) -> None:
        on_answer = self._on_answer
        del self._on_answer  # who waits holds this handle: a cycle would keep the reply
        if isinstance(answer, UpstreamReply | UpstreamStream) and answer.status in self._refusals:
            self._current.cancel()
            on_answer(self._refusal(answer.status, answer.headers))
        else:
            on_answer(answer)

    def _refusal(self, status: int, headers: Headers) -> Failed:
        if status != 429:
            what = f"refuses the gateway's credentials: it answered {status}"
            self._complaints.error(_log, f"{self._service} {what}")
        wait = next((value for name, value in headers if name == b"retry-after"), None)
        text = None if wait is None else wait.decode("latin-1")
        return Failed(Reason.STATUS, status, text, credential="gateway")


class _Strip:
    """Takes out of a client's request what is the gateway's own to state."""

    def __init__(self, additions: RenderedAdditions) -> None:
        self._headers = additions.headers.names | {b"authorization"}
        self._params = frozenset(name.casefold() for name in additions.params)

    def __call__(self, call: ServiceCall) -> ServiceCall:
        headers = [each for each in call.headers if each[0] not in self._headers]
        path, mark, query = call.target.partition("?")
        if mark and self._params:
            query = "&".join(pair for pair in query.split("&") if not self._names_one(pair))
        target = f"{path}?{query}" if query else path
        return structs.replace(call, target=target, headers=headers)

    def _names_one(self, pair: str) -> bool:
        """Whether a part of a query gives one of the gateway's params; to some servers a semicolon
        divides parts, too."""
        names = (each.partition("=")[0] for each in pair.split(";"))
        return any(unquote_plus(name).strip().casefold() in self._params for name in names)
