"""A request whose reply takes waiting, as the host has it in hand.

Pending       a coroutine makes the reply
PendingCall   a call brings it by a callback: no task, where the host takes it so
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from bff.engine.answers import Handle, OnAnswer, answer_to
from bff.identity.ports import Identity
from bff.web.http.replies import Reply
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.access import Admission, Permission


class Finisher(Protocol):
    """What every reply goes through before it is a host's: the dispatcher."""

    def finish(self, request: GatewayRequest, reply: Reply) -> Reply:
        """Give a reply what every reply has."""

    def report_bug(self, request: GatewayRequest, error: Exception) -> Reply:
        """Log an exception that nobody foresaw, and give the finished reply to it."""


class CallHandler(Protocol):
    """What answers requests by calls."""

    def begin(self, request: GatewayRequest, target: Any, on_answer: OnAnswer[Any]) -> Handle:
        """Begin the work, by the rules of `bff.engine.answers`. `ClientGone` is an answer, too."""

    def reply(self, request: GatewayRequest, answer: Any) -> Reply:
        """The reply that an answer makes: a value, a `Failed`, or an exception. Raises bugs."""


class Pending:
    """A request whose reply takes waiting. `reply` belongs to the loop of the gateway's resources.

    `switches`: the reply may be a `SwitchedReply`, which takes a connection as long as it lasts.
    `reads_body`: somebody reads the request's body, so the host gives it one before `reply`.
    `may_be_abandoned`: the work is cancelled when the client leaves. What writes runs to its end:
    half an order is worse than one that nobody waits for, and what it makes out of date is purged.
    """

    __slots__ = (
        "_finisher",
        "_request",
        "_work",
        "may_be_abandoned",
        "reads_body",
        "switches",
    )

    def __init__(
        self,
        finisher: Finisher,
        request: GatewayRequest,
        work: Callable[[], Awaitable[Reply]],
        *,
        reads_body: bool,
        may_be_abandoned: bool,
        switches: bool = False,
    ) -> None:
        self.reads_body = reads_body
        self.switches = switches
        self.may_be_abandoned = may_be_abandoned
        self._finisher = finisher
        self._request = request
        self._work = work

    async def reply(self) -> Reply:
        """The reply, whatever it takes. Raises `ClientGone` and cancellation alone."""
        try:
            reply = await self._work()
        except ClientGone:
            raise
        except Exception as error:
            return self._finisher.report_bug(self._request, error)
        return self._finisher.finish(self._request, reply)


class PendingCall(Pending):
    """A `Pending` whose reply may come by a callback, without a task."""

    __slots__ = ("_handler", "_on_reply", "_target")

    def __init__(
        self,
        finisher: Finisher,
        request: GatewayRequest,
        handler: CallHandler,
        target: Any,
        reads_body: bool,
        may_be_abandoned: bool,
    ) -> None:
        self.reads_body = reads_body
        self.switches = False
        self.may_be_abandoned = may_be_abandoned
        self._finisher = finisher
        self._request = request
        self._handler = handler
        self._target = target

    async def reply(self) -> Reply:
        """See `Pending.reply`."""
        reply = await answer_to(self.begin)
        assert isinstance(reply, Reply)  # noqa: S101  (what `begin` answers)
        return reply

    def begin(self, on_reply: Callable[[Reply | ClientGone], None]) -> Handle:
        """Begin the work, by the rules of `bff.engine.answers`."""
        self._on_reply = on_reply
        try:
            return self._handler.begin(self._request, self._target, self._take)
        except Exception as error:
            return asyncio.get_running_loop().call_soon(self._take, error)

    def _take(self, answer: Any) -> None:
        on_reply = self._on_reply
        del self._on_reply  # it may hold this call by its handle: a cycle for the collector
        if isinstance(answer, ClientGone):
            on_reply(answer)
            return
        finisher, request = self._finisher, self._request
        try:
            reply = finisher.finish(request, self._handler.reply(request, answer))
        except Exception as error:
            reply = finisher.report_bug(request, error)
        on_reply(reply)


async def after_admission(
    admission: Awaitable[Admission], begin: Callable[[Identity], Reply | Pending]
) -> Reply:
    """The reply to a caller who waits to be admitted."""
    caller = await admission
    return caller if isinstance(caller, Reply) else await _reply_of(begin(caller))


async def after_permission(
    permission: Awaitable[Permission], begin: Callable[[], Reply | Pending]
) -> Reply:
    """The reply to a caller who waits to be permitted."""
    refusal = await permission
    return await _reply_of(begin()) if refusal is None else refusal


async def _reply_of(begun: Reply | Pending) -> Reply:
    return begun if isinstance(begun, Reply) else await begun.reply()
