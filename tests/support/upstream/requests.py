"""One request to an instance, by its whole URL."""

from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import Headers, ServiceCall, UpstreamReply
from bff.engine.values.limits import Budget
from bff.plan.model.service import Link
from bff.upstream.ports import Instance, Transport


class UpstreamRequest(NamedTuple):
    """A call, and the instance that it goes to."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | AsyncIterator[bytes] | None = None
    arriving: Budget | None = None
    link: Link | None = None
    reads: bool = False

    @classmethod
    def of(cls, base: str, link: Link | None, call: ServiceCall) -> "UpstreamRequest":
        """The request that a call of the instance at this base URL is."""
        return cls(
            call.method,
            base + call.target,
            call.headers,
            call.body,
            call.arriving,
            link,
            call.reads,
        )

    def instance(self, transport: Transport) -> Instance:
        """The instance at the URL's origin."""
        return transport.at(self._split()[0], self.link)

    def call(self) -> ServiceCall:
        """The call of that."""
        target = self._split()[1]
        return ServiceCall(
            "shop", self.method, target, self.headers, self.body, self.arriving, self.reads
        )

    def fetch(
        self,
        transport: Transport,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """Begin the exchange."""
        fetch = partial(self.instance(transport).fetch, self.call(), on_answer)
        return fetch(timeout_seconds=timeout_seconds, byte_cap=byte_cap)

    def _split(self) -> tuple[str, str]:
        start = self.url.find("/", self.url.find("://") + 3)
        return (self.url, "") if start < 0 else (self.url[:start], self.url[start:])
