"""Calls with a token of the gateway's own.

Rules:
1. A call has the token that is there; where none is, it waits for one, within its own time.
2. A call that the service answers with 401 is made once more, with a new token, writes too: it was
   refused, not done. A body that is streamed can't be sent again, so that the 401 stays.
"""

import asyncio
from functools import partial
from typing import Generic, TypeVar

from msgspec import structs

from bff.deadline import Deadline
from bff.engine.answers import Handle, OnAnswer
from bff.engine.ports import ServiceCall, UpstreamReply
from bff.engine.values.outcomes import Failed, Reason
from bff.upstream.pipeline.balance import Way
from bff.upstream.pipeline.tokens import Token, TokenSource
from bff.upstream.ports import UpstreamStream

T = TypeVar("T")


def authorized(way: Way[T], tokens: TokenSource) -> Way[T]:
    """The way of calls that have a token."""
    return partial(_Authorized, way, tokens)


class _Authorized(Generic[T]):
    """A call with a token; it is itself the handle."""

    __slots__ = ("_call", "_current", "_deadline", "_is_repeat", "_on_answer", "_timer", "_token",
                 "_tokens", "_way")  # fmt: skip

    def __init__(
        self,
        way: Way[T],
        tokens: TokenSource,
        call: ServiceCall,
        seconds: float,
        on_answer: OnAnswer[T],
    ) -> None:
        self._way = way
        self._tokens = tokens
        self._call = call
        self._deadline = Deadline.after(seconds, tokens.clock)
        self._on_answer = on_answer
        self._is_repeat = False
        self._timer: asyncio.TimerHandle | None = None
        self._token: Token | None = None
        self._current: Handle
        self._begin(seconds)

    def cancel(self) -> None:
        """See `Handle.cancel`."""
        if self._timer is not None:
            self._timer.cancel()
        self._current.cancel()

    def _begin(self, seconds: float) -> None:
        token = self._tokens.current()
        if token is not None:
            self._send(token, seconds)
            return
        self._current = self._tokens.wait(self._take_token)
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end_waiting)

    def _take_token(self, token: Token | Failed) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seconds = self._deadline.seconds_left()
        if isinstance(token, Failed):
            self._answer(token)
        elif seconds <= 0:
            self._answer(_LATE)
        else:
            self._send(token, seconds)

    def _end_waiting(self) -> None:
        self._timer = None
        self._current.cancel()
        self._answer(_LATE)

    def _send(self, token: Token, seconds: float) -> None:
        self._token = token
        call = structs.replace(self._call, headers=token.headers.to(self._call.headers))
        self._current = self._way(call, seconds, self._take)

    def _take(self, answer: T | Failed | Exception) -> None:
        if isinstance(answer, UpstreamReply | UpstreamStream):
            if answer.status != 401:
                self._tokens.accept()
            elif self._repeats():
                return
        self._answer(answer)

    def _repeats(self) -> bool:
        """Make the call once more, where that may help (rule 2)."""
        if self._token is None or not self._tokens.refuse(self._token) or self._is_repeat:
            return False
        body, seconds = self._call.body, self._deadline.seconds_left()
        if seconds <= 0 or not (body is None or isinstance(body, bytes)):
            return False
        self._is_repeat = True
        self._current.cancel()  # closes a reply whose body has only begun
        self._begin(seconds)
        return True

    def _answer(self, answer: T | Failed | Exception) -> None:
        on_answer = self._on_answer
        del self._on_answer  # who waits holds this handle: a cycle would keep the reply
        on_answer(answer)


_LATE = Failed(Reason.TIMEOUT, detail="no token came in time", was_sent=False)
