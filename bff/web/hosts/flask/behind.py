"""A Flask app behind the ASGI host: which requests go to it, and the threads it answers on."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from bff.errors import SettingsError
from bff.web.hosts.flask.extension import FlaskGateway
from bff.web.hosts.flask.visits import BODY_SECONDS, Visit
from bff.web.http.requests import GatewayRequest

_END_SECONDS = 10

_log = logging.getLogger(__name__)


class FlaskBehind:
    """The app that a `FlaskGateway` is mounted in, for the ASGI host. `threads` bounds the requests
    that it answers at a time; more wait. `body_seconds` bounds how long a client's body is waited
    for (see `Visit`)."""

    def __init__(
        self, extension: FlaskGateway, threads: int, *, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._extension = extension
        self._rules = extension.rules
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bff-flask")
        self._body_seconds = body_seconds
        self._visits: set[Visit] = set()
        self._takes_all = False

    def takes(self, request: GatewayRequest) -> bool:
        """Whether the app answers: it guards every request, or has a view for this one."""
        return self._takes_all or self._rules.take(request)

    async def __call__(self, scope: Any, send: Any) -> None:
        """Answer on a thread of the app's. A cancelled call ends when its thread does: at once, or
        when what writes is written."""
        visit = Visit(scope, send, self._body_seconds)
        work = self._threads.submit(visit.run, self._extension.app)
        done = asyncio.wrap_future(work)
        self._visits.add(visit)
        try:
            await asyncio.wait({done})
        except asyncio.CancelledError:
            work.cancel()
            visit.leave()
            await asyncio.wait({done})
            done.cancelled() or done.exception()  # nobody is there for it
            raise
        finally:
            self._visits.discard(visit)
        done.result()
        await visit.end()

    def start(self) -> None:
        """Look for the app's guards. Raises `SettingsError` where a WebSocket would pass by them.
        From now on Flask refuses to register more: requests are
        answered, though Flask sees none of them."""
        self._extension.app._got_first_request = True
        guards = self._extension.guards()
        project = self._extension.project
        self._takes_all = self._extension.core.is_guarded = bool(guards)
        sockets = [each.prefix or "/" for each in project.routes if each.websocket]
        if guards and sockets:
            raise SettingsError(
                f"{', '.join(sockets)}: WebSockets would pass by what guards the app's requests:"
                f" {'; '.join(guards)}. Serve them from a gateway without the app, or mount it as"
                ' Gateway(app, guards="none").'
            )
        if guards:
            _log.warning(
                "compositions and routes go through Flask, on its threads, since the app guards its"
                ' requests: %s. Gateway(app, guards="none") serves them without these.',
                "; ".join(guards),
            )
        self._extension.warn_of_hidden()

    async def close(self) -> None:
        """Wait for views that run or wait for a thread: their replies go out on this loop. After
        10 s they are left, so that no thread waits for a loop that has ended."""
        end = asyncio.to_thread(self._threads.shutdown)
        with suppress(TimeoutError):
            await asyncio.wait_for(end, _END_SECONDS)
        for visit in [*self._visits]:
            visit.leave()
