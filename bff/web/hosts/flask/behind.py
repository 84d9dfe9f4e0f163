"""A Flask app behind the ASGI host: which requests go to it, and the threads it answers on."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from a2wsgi import WSGIMiddleware

from bff.web.hosts.flask.extension import FlaskGateway
from bff.web.http.requests import GatewayRequest

_END_SECONDS = 10

_log = logging.getLogger(__name__)


class FlaskBehind:
    """The app that a `FlaskGateway` is mounted in, as an ASGI application. `threads` bounds the
    requests that it answers at a time; more wait."""

    def __init__(self, extension: FlaskGateway, threads: int) -> None:
        self._extension = extension
        self._rules = extension.rules
        self._wsgi = WSGIMiddleware(self._terminated, workers=threads)
        self._takes_all = False

    def takes(self, request: GatewayRequest) -> bool:
        """Whether the app answers: it guards every request, or has a view for this one."""
        return self._takes_all or self._rules.take(request)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer on a thread of the app's."""

        async def receive_in_coroutine() -> Any:
            return await receive()  # a2wsgi takes coroutines alone, granian's gives a future

        await self._wsgi(scope, receive_in_coroutine, send)

    def start(self) -> None:
        """Look for the app's guards. From now on Flask refuses to register more: requests are
        answered, though Flask sees none of them."""
        self._extension.app._got_first_request = True
        guards = self._extension.guards()
        self._takes_all = self._extension.core.is_guarded = bool(guards)
        if guards:
            _log.warning(
                "compositions and routes go through Flask, on its threads, since the app guards its"
                ' requests: %s. Gateway(app, guards="none") serves them without these.',
                "; ".join(guards),
            )
        self._extension.warn_of_hidden()

    async def close(self) -> None:
        """Wait for views that run or wait for a thread: their replies go out on this loop."""
        end = asyncio.to_thread(self._wsgi.executor.shutdown)
        with suppress(TimeoutError):
            await asyncio.wait_for(end, _END_SECONDS)

    def _terminated(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        # The server ends the input by itself, so bodies without a length are read too (werkzeug
        # takes them for empty otherwise).
        environ["wsgi.input_terminated"] = True
        return self._extension.app(environ, start_response)
