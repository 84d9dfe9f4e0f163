"""What each request to a service has beside what its step states, rendered once for a release.

Requests of steps share blocks of headers, of which a release has a few: what a block becomes is
remembered, so that a call takes no more than a look.
"""

from collections.abc import Iterable
from typing import Final, TypeVar
from urllib.parse import quote

from msgspec import structs

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import HeaderBlock, Headers, ServiceCall
from bff.plan.model.service import Additions
from bff.secret import Secret
from bff.upstream.pipeline.balance import Way

T = TypeVar("T")

_MOST_BLOCKS: Final = 4096  # an operation has two at most


class AddedHeaders:
    """Headers that calls have in the place of their own of the same names. For one event loop."""

    __slots__ = ("_added", "_known", "names")

    def __init__(self, added: Iterable[tuple[bytes, bytes]]) -> None:
        self._added = tuple(added)
        self._known: dict[int, tuple[HeaderBlock, HeaderBlock]] = {}
        self.names = frozenset(name for name, _ in self._added)

    def to(self, headers: Headers) -> Headers:
        """The headers with them."""
        if type(headers) is not HeaderBlock:
            return tuple(self._joined(headers))
        known = self._known.get(id(headers))
        if known is not None:
            return known[1]
        block = HeaderBlock(self._joined(headers))
        if len(self._known) < _MOST_BLOCKS:
            self._known[id(headers)] = headers, block  # held, so that nothing else has its id
        return block

    def _joined(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        names = self.names
        return [*(each for each in headers if each[0] not in names), *self._added]


class RenderedAdditions:
    """A service's headers and query as they go on the wire, secrets among them. `params` are the
    names of the query's. For one event loop."""

    __slots__ = ("_query", "headers", "params")

    def __init__(self, headers: AddedHeaders, query: str, params: frozenset[str]) -> None:
        self.headers = headers
        self.params = params
        self._query = query

    def to(self, call: ServiceCall) -> ServiceCall:
        """The call with them."""
        target = call.target
        if self._query:
            target = f"{target}{'&' if '?' in target else '?'}{self._query}"
        return structs.replace(call, target=target, headers=self.headers.to(call.headers))


def render_additions(additions: Additions) -> RenderedAdditions:
    """The wire's form of a service's additions, but for tokens."""
    headers = AddedHeaders(
        (name.encode(), _revealed(value).strip(" \t").encode()) for name, value in additions.headers
    )
    query = "&".join(
        f"{quote(name, safe='')}={quote(_revealed(value), safe='')}"
        for name, value in additions.query
    )
    return RenderedAdditions(headers, query, frozenset(name for name, _ in additions.query))


def added(way: Way[T], additions: RenderedAdditions) -> Way[T]:
    """The way of calls that have the service's additions."""

    def send(call: ServiceCall, seconds: float, on_answer: OnAnswer[T]) -> Handle:
        return way(additions.to(call), seconds, on_answer)

    return send


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
