"""A transport around another one, which reports each exchange with an instance to observers.

It is opened only where there are observers, so that calls pay nothing elsewhere. It sees each
attempt: every instance that a call tries, every page, every request for a token. For observers, an
exchange with a streamed body ends with its head.
"""

from collections.abc import AsyncIterator, Callable
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec import Struct, structs

from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.plan.model.service import Link
from bff.upstream.ports import (
    ArrivingBody,
    BrokenStream,
    Instance,
    Server,
    SwitchedConnection,
    Switching,
    Transport,
    UpstreamStream,
    server_at,
)

Reply = UpstreamReply | UpstreamStream | SwitchedConnection
Answer = Reply | Failed | Exception

T = TypeVar("T", bound=Reply)


class ObservedCall(Struct, frozen=True):
    """One exchange with an instance. `answer` is None where the call was cancelled before its time
    was over. Times are seconds of the clock."""

    server: Server
    call: ServiceCall
    started_at: float
    ended_at: float
    answer: Answer | None

    @property
    def status(self) -> int | None:
        """The status of the reply; None where no head of one came."""
        match self.answer:
            case UpstreamReply() | UpstreamStream() | Failed():
                return self.answer.status
            case SwitchedConnection():
                return 101
            case _:
                return None

    @property
    def error(self) -> str:
        """The word for what went wrong: the reason's, `cancelled` or `bug`; "" where a reply
        came."""
        match self.answer:
            case Failed():
                return self.answer.reason.word
            case Exception():
                return "bug"
            case None:
                return "cancelled"
            case _:
                return ""


# A run stops waiting up to 50 ms before its deadline, but its calls may take until the deadline. So
# a call that is cancelled in its last moments was too late: a request still waited for it. The
# share spares a call that began with little time left.
_LAST_SECONDS: Final = 0.1
_LAST_SHARE: Final = 0.2
_LATE: Final = Failed(Reason.DEADLINE)
# Called once for each exchange, on the event loop, when its answer is there. Raises nothing.
Observer = Callable[[ObservedCall], None]
# Called where a streamed body breaks off, after its exchange was observed. Raises nothing.
BreakObserver = Callable[[Server, ServiceCall, Failed], None]


class Observers(NamedTuple):
    """The observers of exchanges and of bodies that break off, in the order of their calls."""

    of_calls: tuple[Observer, ...] = ()
    of_breaks: tuple[BreakObserver, ...] = ()


class ObservedTransport:
    """See `Transport`. `clock` gives seconds from any start."""

    def __init__(
        self, transport: Transport, observers: Observers, clock: Callable[[], float]
    ) -> None:
        self._transport = transport
        self._observers = observers
        self._clock = clock

    def at(self, base: str, link: Link | None) -> Instance:
        """See `Transport.at`."""
        instance = self._transport.at(base, link)
        watch = _Watch(server_at(base), self._observers, self._clock)
        if isinstance(instance, Switching):
            return _ObservedSwitching(instance, instance, watch)
        return _ObservedInstance(instance, watch)

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._transport.close()


class _Watch(NamedTuple):
    """The parts that the exchanges with one instance share."""

    server: Server
    observers: Observers
    clock: Callable[[], float]


class _ObservedInstance:
    """See `Instance`."""

    def __init__(self, instance: Instance, watch: _Watch) -> None:
        self._instance = instance
        self._fetch = instance.fetch
        self._watch = watch

    def fetch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Instance.fetch`."""
        call = _as_attempt(call)
        exchange: _ObservedExchange[UpstreamReply] = _ObservedExchange(
            self._watch, call, timeout_seconds, on_answer
        )
        exchange.current = self._fetch(
            call, exchange.take, timeout_seconds=timeout_seconds, byte_cap=byte_cap
        )
        return exchange

    def open(
        self, call: ServiceCall, on_answer: OnAnswer[UpstreamStream], *, timeout_seconds: float
    ) -> Handle:
        """See `Instance.open`."""
        call = _as_attempt(call)
        exchange = _ObservedStream(self._watch, call, timeout_seconds, on_answer)
        exchange.current = self._instance.open(call, exchange.take, timeout_seconds=timeout_seconds)
        return exchange


class _ObservedSwitching(_ObservedInstance):
    """See `Instance` and `Switching`."""

    def __init__(self, instance: Instance, switching: Switching, watch: _Watch) -> None:
        super().__init__(instance, watch)
        self._switching = switching

    def switch(
        self,
        call: ServiceCall,
        on_answer: OnAnswer[SwitchedConnection | UpstreamReply],
        *,
        timeout_seconds: float,
        byte_cap: int,
    ) -> Handle:
        """See `Switching.switch`."""
        call = _as_attempt(call)
        exchange: _ObservedExchange[SwitchedConnection | UpstreamReply]
        exchange = _ObservedExchange(self._watch, call, timeout_seconds, on_answer)
        exchange.current = self._switching.switch(
            call, exchange.take, timeout_seconds=timeout_seconds, byte_cap=byte_cap
        )
        return exchange


class _ObservedExchange(Generic[T]):
    """A running exchange. It is the handle of the call; `current` is the handle of the
    transport."""

    __slots__ = ("_call", "_on_answer", "_seconds", "_started_at", "_watch", "current")

    def __init__(
        self, watch: _Watch, call: ServiceCall, seconds: float, on_answer: OnAnswer[T]
    ) -> None:
        self._watch = watch
        self._call = call
        self._seconds = seconds
        self._on_answer: OnAnswer[T] | None = on_answer
        self._started_at = watch.clock()
        self.current: Handle

    def take(self, answer: T | Failed | Exception) -> None:
        """The answer is there."""
        on_answer, self._on_answer = self._on_answer, None
        self._report(answer)
        if on_answer is not None:
            on_answer(answer)

    def cancel(self) -> None:
        """See `Handle.cancel`; after the answer it closes what streams."""
        if self._on_answer is not None:
            self._on_answer = None
            left = self._started_at + self._seconds - self._watch.clock()
            is_late = left < min(_LAST_SECONDS, self._seconds * _LAST_SHARE)
            self._report(_LATE if is_late else None)
        self.current.cancel()

    def _report(self, answer: Answer | None) -> None:
        server, observers, clock = self._watch
        observed = ObservedCall(server, self._call, self._started_at, clock(), answer)
        for observe in observers.of_calls:
            observe(observed)


class _ObservedStream(_ObservedExchange[UpstreamStream]):
    """An exchange whose body may arrive after its answer."""

    __slots__ = ()

    def take(self, answer: UpstreamStream | Failed | Exception) -> None:
        """The answer is there."""
        if (
            isinstance(answer, UpstreamStream)
            and not isinstance(answer.body, bytes)
            and self._watch.observers.of_breaks
        ):
            answer = structs.replace(
                answer, body=_ObservedBody(answer.body, self._watch, self._call)
            )
        super().take(answer)


class _ObservedBody:
    """See `ArrivingBody`."""

    def __init__(self, body: ArrivingBody, watch: _Watch, call: ServiceCall) -> None:
        self._body = body
        self._watch = watch
        self._call = call

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._body)
        except BrokenStream as broke:
            for observe in self._watch.observers.of_breaks:
                observe(self._watch.server, self._call, broke.failure)
            raise

    async def aclose(self) -> None:
        """See `ArrivingBody.aclose`."""
        await self._body.aclose()


def _as_attempt(call: ServiceCall) -> ServiceCall:
    """The call with a trace for this exchange alone, where spans are recorded."""
    trace = call.trace
    if trace is None or (own := trace.of_attempt(call.step)) is trace:
        return call
    return structs.replace(call, trace=own)
