"""Which instance of a service a call goes to, and which one is next where there is no connection.

Rules:
1. Instances take turns.
2. Where no connection came about, nothing was sent: the call goes to the next instance at once,
   whatever its method, as long as its time lasts and nothing of a streamed body was read.
3. An instance without a connection rests. Calls pass it over, and after the rest one call tries it
   while the others still pass it over.
4. Resting instances are tried after all others, the one whose rest ends first at first. So a call
   fails only where every instance was tried.

`Instances` decides; `_Tries` acts. Both belong to one event loop.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final, Generic, TypeVar

from msgspec import structs

from bff.deadline import Deadline
from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall
from bff.engine.values.outcomes import Failed, Reason
from bff.telemetry.metrics.definitions.services import (
    INSTANCE_RESTS,
    PASSED_OVER,
    RESTING_INSTANCES,
)
from bff.telemetry.metrics.families import Metrics
from bff.upstream.ports import server_at

T = TypeVar("T")

# Begins a call to the instance at a base URL, within so many seconds.
Send = Callable[[str, ServiceCall, float, OnAnswer[T]], Handle]
# Begins a call to a service, within so many seconds.
Way = Callable[[ServiceCall, float, OnAnswer[T]], Handle]

# Long enough that an instance that hangs costs few calls their time; a restart takes longer.
REST_SECONDS: Final = 3.0

# PROTOCOL: in TLS or of a proxy; DISCONNECTED: by a proxy, or at once.
_NO_CONNECTION: Final = frozenset(
    {
        Reason.REFUSED,
        Reason.UNRESOLVED,
        Reason.CONNECT_TIMEOUT,
        Reason.PROTOCOL,
        Reason.DISCONNECTED,
    }
)


class RestCounts:
    """Counts the rests of one service's instances, by their base URLs."""

    def __init__(self, metrics: Metrics, service: str, urls: tuple[str, ...]) -> None:
        self._places = {url: (service, *server_at(url)[1:]) for url in urls}
        self._resting = metrics.gauge(RESTING_INSTANCES)
        self._rests = metrics.counter(INSTANCE_RESTS)
        self._passed_over = metrics.counter(PASSED_OVER)

    def watch(self, is_resting: Callable[[str], bool]) -> None:
        """From now on, read by this function whether an instance rests."""
        for url, place in self._places.items():
            self._resting.watch(place, partial(is_resting, url))

    def rest(self, url: str) -> None:
        """A call made the instance rest."""
        self._rests.at(*self._places[url])[0] += 1

    def pass_over(self, url: str) -> None:
        """A call passed the instance over."""
        self._passed_over.at(*self._places[url])[0] += 1


class Instances:
    """The instances of one service by their base URLs: whose turn it is, and which of them rest.
    `clock` gives seconds from any start."""

    def __init__(
        self, urls: tuple[str, ...], clock: Callable[[], float], counts: RestCounts | None = None
    ) -> None:
        self.urls = urls
        self.clock = clock
        self._next = 0
        self._rests_until: dict[str, float] = {}
        self._counts = counts or RestCounts(Metrics(), "", urls)
        self._counts.watch(self.is_resting)

    def in_turn(self) -> list[str]:
        """Every instance once, in the order in which a call may try them (rules 1 and 4)."""
        start = self._next
        self._next = (start + 1) % len(self.urls)
        urls = [*self.urls[start:], *self.urls[:start]]
        if self._rests_until:
            now = self.clock()
            ends = [self._rests_until.get(url, 0.0) for url in urls]
            order = sorted(range(len(urls)), key=lambda place: max(ends[place], now))
            if ends[order[0]] <= now:
                for place in order:
                    if ends[place] > now:
                        self._counts.pass_over(urls[place])
            urls = [urls[place] for place in order]
        return urls

    def is_resting(self, url: str) -> bool:
        """Whether calls pass the instance over now."""
        return self._rests_until.get(url, 0.0) > self.clock()

    def begin(self, url: str) -> None:
        """A call tries the instance; where that has rested, other calls pass it over meanwhile."""
        if url in self._rests_until:
            self._rests_until[url] = self.clock() + REST_SECONDS

    def rest(self, url: str) -> None:
        """The instance had no connection: it rests from now on."""
        self._rests_until[url] = self.clock() + REST_SECONDS
        self._counts.rest(url)

    def wake(self, url: str) -> None:
        """The instance had a connection."""
        self._rests_until.pop(url, None)


def balanced(send: Send[T], instances: Instances) -> Way[T]:
    """The way of calls that goes round the instances."""
    if len(instances.urls) == 1:
        return partial(send, instances.urls[0])
    return partial(_Tries, send, instances)


class _Tries(Generic[T]):
    """A call on its way round the instances; it is itself the handle."""

    __slots__ = ("_body", "_call", "_current", "_deadline", "_instances", "_left", "_on_answer",
                 "_send", "_url")  # fmt: skip

    def __init__(
        self,
        send: Send[T],
        instances: Instances,
        call: ServiceCall,
        seconds: float,
        on_answer: OnAnswer[T],
    ) -> None:
        self._body: _StreamedBody | None = None
        if call.body is not None and not isinstance(call.body, bytes):
            self._body = _StreamedBody(call.body)
            call = structs.replace(call, body=self._body)
        self._send = send
        self._instances = instances
        self._call = call
        self._on_answer = on_answer
        self._deadline = Deadline.after(seconds, instances.clock)
        self._url, *self._left = instances.in_turn()
        self._current: Handle
        self._try(seconds)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        self._current.cancel()

    def _try(self, seconds: float) -> None:
        self._instances.begin(self._url)
        self._current = self._send(self._url, self._call, seconds, self._take)

    def _take(self, answer: T | Failed | Exception) -> None:
        if _has_connected(answer):
            self._instances.wake(self._url)
        else:
            self._instances.rest(self._url)
            seconds = self._deadline.seconds_left()
            is_lost = self._body is not None and self._body.was_read
            if self._left and seconds > 0 and not is_lost:
                self._url = self._left.pop(0)
                if self._call.trace is not None:
                    self._call.trace.count_move()
                self._try(seconds)
                return
        on_answer = self._on_answer
        del self._on_answer  # who waits holds this handle: a cycle would keep the reply
        on_answer(answer)


def _has_connected(answer: object) -> bool:
    """Whether there was a connection, or the request itself was refused."""
    if not isinstance(answer, Failed):
        return True
    return answer.was_sent or answer.reason not in _NO_CONNECTION


class _StreamedBody:
    """A request body that is still arriving; `was_read` is True once a chunk was requested."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self.was_read = False
        self._source = source

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        self.was_read = True
        return anext(self._source)
