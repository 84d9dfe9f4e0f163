"""Calls that answer by a callback; coroutines as such calls, and such calls as awaitables.

Rules of every function that begins a call:
1. `on_answer` is called once, from a callback of the event loop: never before the function has
   returned, so that nobody is called in the middle of their own work.
2. After `Handle.cancel` it is not called any more. What the call holds is closed at once.
3. An answer is what was wanted, or trouble (`Failed`), or the exception that a bug has raised.
4. `on_answer` raises nothing: nobody could do anything about it.

Why there are callbacks, and where there are tasks all the same: docs/adr/0022.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from bff.engine.values.outcomes import Failed, Reason

T = TypeVar("T")

OnAnswer = Callable[[T | Failed | Exception], None]

_CANCELLED: Final = Failed(Reason.DISCONNECTED, detail="the call was cancelled from elsewhere")


class Handle(Protocol):
    """A call under way; a task is one, too."""

    def cancel(self) -> object:
        """End it (rule 2). Does nothing where it has ended."""


class TaskCall(Generic[T]):
    """A coroutine as a call, for what has to wait more than once."""

    __slots__ = ("_on_answer", "_task")

    def __init__(self, work: Coroutine[Any, Any, T | Failed], on_answer: OnAnswer[T]) -> None:
        self._on_answer: OnAnswer[T] | None = on_answer
        self._task: asyncio.Task[T | Failed] | None = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._end)

    def cancel(self) -> None:
        """See `Handle.cancel`; the coroutine closes what it holds."""
        self._on_answer = None
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[T | Failed]) -> None:
        on_answer, self._on_answer = self._on_answer, None
        self._task = None  # its result may hold this call: a cycle for the collector
        if task.cancelled():
            answer: T | Failed | Exception = _CANCELLED
        else:
            error = task.exception()  # looked at, or asyncio reports it
            answer = error if isinstance(error, Exception) else task.result()
        if on_answer is not None:
            on_answer(answer)


async def answer_to(begin: Callable[[OnAnswer[T]], Handle]) -> T | Failed:
    """The answer to the call that `begin` begins. Raises what is a bug; a cancellation cancels the
    call."""
    answered: asyncio.Future[T | Failed] = asyncio.get_running_loop().create_future()
    handle = begin(partial(_resolve, answered))
    try:
        return await answered
    except BaseException:
        handle.cancel()
        raise


def _resolve(answered: asyncio.Future[T | Failed], answer: T | Failed | Exception) -> None:
    if answered.done():  # cancelled in the same turn of the loop
        return
    if isinstance(answer, Exception):
        answered.set_exception(answer)
    else:
        answered.set_result(answer)
