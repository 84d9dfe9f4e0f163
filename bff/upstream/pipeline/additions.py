"""What each request to a service has beside what its step states, rendered once for a release."""

from typing import NamedTuple, TypeVar
from urllib.parse import quote

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import Headers, ServiceCall
from bff.plan.model.service import Additions
from bff.secret import Secret
from bff.upstream.pipeline.balance import Way

T = TypeVar("T")


class RenderedAdditions(NamedTuple):
    """Headers and a query as they go on the wire, secrets among them. `names` are the headers, and
    `params` those of the query, that nobody else sets."""

    headers: tuple[tuple[bytes, bytes], ...]
    names: frozenset[bytes]
    query: str
    params: frozenset[str]

    def __repr__(self) -> str:
        return f"RenderedAdditions({sorted(self.names)}, {sorted(self.params)})"

    def to(self, call: ServiceCall) -> ServiceCall:
        """The call with them."""
        target = call.target
        if self.query:
            target = f"{target}{'&' if '?' in target else '?'}{self.query}"
        headers: Headers = call.headers
        if self.names:
            headers = (*[each for each in headers if each[0] not in self.names], *self.headers)
        return call._replace(target=target, headers=headers)


def render_additions(additions: Additions) -> RenderedAdditions:
    """The wire's form of a service's additions, but for tokens."""
    headers = tuple(
        (name.encode(), _revealed(value).strip(" \t").encode()) for name, value in additions.headers
    )
    names = frozenset(name for name, _ in headers)
    query = "&".join(
        f"{quote(name, safe='')}={quote(_revealed(value), safe='')}"
        for name, value in additions.query
    )
    params = frozenset(name for name, _ in additions.query)
    return RenderedAdditions(headers, names, query, params)


def added(way: Way[T], additions: RenderedAdditions) -> Way[T]:
    """The way of calls that have the service's additions."""

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        return way(additions.to(call), seconds, on_answer)

    return send


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
