"""Replies out of memory, without the event loop.

granian hands each request, on a thread of its own, to a function that has the loop make a task of
it. A reply that memory has needs no task: this thread sends it.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from granian import _futures

if TYPE_CHECKING:
    from bff.web.hosts.asgi.edge import Edge  # the launcher goes without it, and without 23 MB

_log = logging.getLogger(__name__)
_futures_of_granian: Any = _futures  # untyped


def answer_at_once(edge: "Edge") -> None:
    """From now on let `edge` answer what it can, before granian in this process schedules the rest.

    This saves 20 of the 73 µs of a cached screen, which is answered while the loop is busy, too.
    granian's public interface has no place for it, so `pyproject.toml` allows only versions of
    granian that have the private one. Without it, the loop answers everything.
    """
    make_schedule = getattr(_futures_of_granian, "_cbsched_aioschedule", None)
    if make_schedule is None:
        _log.warning("this version of granian lets nothing be answered at once: see ADR 8")
        return

    def make_answer_or_schedule(*arguments: Any) -> Callable[[Any], None]:
        schedule = make_schedule(*arguments)

        def answer_or_schedule(watcher: Any) -> None:
            try:
                is_answered = edge.answer_at_once(watcher.scope, watcher.proto.send)
            except BaseException as error:
                watcher.err(error)  # granian logs it and answers 500
                return
            if is_answered:
                watcher.done()
            else:
                schedule(watcher)

        return answer_or_schedule

    _futures_of_granian._cbsched_aioschedule = make_answer_or_schedule
