"""The plain Flask host: the same compositions and routes on any WSGI server.

A request that none of the app's own views takes goes to the dispatcher before Flask answers it
with 404, 405 or a redirect: so a user's views win, and nothing redirects slashes on data paths.
The view's thread waits for a loop thread: one per process, made at first use, anew after a fork.
"""

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from bff.cache.cache import Cache
from bff.identity.ports import Anonymous, IdentityProvider
from bff.plan.compiler.project import compile_project
from bff.plan.model.composition import CompiledProject
from bff.settings import Settings, load_settings
from bff.web.hosts.flask.admin import add_admin
from bff.web.hosts.flask.loop_thread import Exchange, LoopThread
from bff.web.hosts.flask.wsgi import (
    GatewayResponse,
    body_reader,
    is_behind_edge,
    request_of,
    response_of,
)
from bff.web.http.cors import CrossOrigin
from bff.web.http.logs import Log
from bff.web.http.problems import not_found, wrong_method
from bff.web.http.replies import Reply
from bff.web.http.requests import ClientGone, GatewayRequest
from bff.web.serving.dispatch import finish
from bff.web.serving.release import Runtime, open_runtime
from bff.web.serving.routing import NoMatch, RoutingTable

_HEALTH = "/healthz"


class Gateway:
    """The Flask extension: `Gateway(app)`, or `init_app` later. Raises `ProjectError` when the
    project is broken. Serves the project's compositions and routes beside the app's own views."""

    project: CompiledProject
    settings: Settings
    log: Log

    def __init__(
        self,
        app: flask.Flask | None = None,
        project: Path | str | None = None,
        settings: Settings | None = None,
        *,
        identity: IdentityProvider | None = None,
    ) -> None:
        self._folder = project
        self._settings = settings
        self._provider = identity or Anonymous()
        self._edge: tuple[asyncio.AbstractEventLoop, Runtime] | None = None
        self._lock = threading.Lock()
        self._host: tuple[LoopThread, Runtime] | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Compile the project and attach it to `app`. Without a folder, `BFF_PROJECT` names it,
        and without that it is the current one."""
        self.settings = self._settings or load_settings(os.environ)
        self.project = compile_project(Path(self._folder or self.settings.project))
        self.log = Log(self.settings.log_level)
        self._backend = dict(app.config) if app.config.get("CACHE_TYPE") else None
        self._table = RoutingTable(self.project.compositions, self.project.routes)
        self._cross_origin = CrossOrigin(self.project)
        app.extensions["bff"] = self
        if not any(rule.rule == _HEALTH for rule in app.url_map.iter_rules()):
            app.add_url_rule(_HEALTH, "bff.health", _health)
        if self.settings.admin_token is not None:
            add_admin(app, self.settings.admin_token, self._at_work)
        app.before_request(self._answer)
        for error in (NotFound, MethodNotAllowed):
            known = app.error_handler_spec[None].get(error.code, {})
            if error not in known:  # the app's own error pages stay
                app.register_error_handler(error, self._answer_error)
        _GATEWAYS.add(self)

    async def open_runtime(self) -> Runtime:
        """Put the project to work on the running loop."""
        return await open_runtime(
            self.project, self.settings, self.log, provider=self._provider, backend=self._backend
        )

    def stand_behind(self, loop: asyncio.AbstractEventLoop, runtime: Runtime) -> None:
        """From now on an edge serves the project, with a runtime of its own."""
        self._edge = (loop, runtime)

    def close(self) -> None:
        """Close what this process opened; a later request opens it again."""
        with self._lock:
            host, self._host = self._host, None
        if host is not None:
            thread, runtime = host
            thread.run(runtime.close())
            thread.stop()
        self.log.flush()

    def _answer(self) -> GatewayResponse | None:
        """Before each request: answer it, or leave it to Flask."""
        environ = flask.request.environ
        if flask.request.routing_exception is None or is_behind_edge(environ):
            return None
        request = request_of(environ)
        match = self._table.match(request.method, request.raw_path)
        if isinstance(match, NoMatch):
            return None
        thread, runtime = self._host or self._start()
        dispatcher = runtime.dispatcher
        reply = dispatcher.lookup(match, request)
        if reply is not None:
            return self._whole(request, reply)
        read = body_reader(environ)
        exchange = Exchange(thread.loop, read or _nothing)
        if read is not None:
            request.body = exchange.request_body()
        try:
            reply = exchange.reply(lambda: dispatcher.produce(match, request))
        except ClientGone:
            self.log.abandoned(request)
            return GatewayResponse(status=400)  # nobody is there to read it
        if isinstance(reply.body, bytes):
            return self._whole(request, reply)
        return self._streamed(request, reply, exchange)

    def _answer_error(self, error: HTTPException) -> GatewayResponse:
        """Flask found nothing either."""
        request = request_of(flask.request.environ)
        if isinstance(error, MethodNotAllowed):
            reply = wrong_method(request, tuple(sorted(error.valid_methods or ())))
        else:
            reply = not_found(request)
        reply = finish(request, reply, self._cross_origin)
        if is_behind_edge(flask.request.environ):
            return response_of(reply, _bytes(reply))  # the edge logs it
        return self._whole(request, reply)

    def _whole(self, request: GatewayRequest, reply: Reply) -> GatewayResponse:
        body = _bytes(reply)
        self.log.request(request, reply, len(body))
        return response_of(reply, body)

    def _streamed(
        self, request: GatewayRequest, reply: Reply, exchange: Exchange
    ) -> GatewayResponse:
        sent_bytes = 0
        why_broken: str | None = "client left"

        def body() -> Iterator[bytes]:
            nonlocal sent_bytes, why_broken
            try:
                for chunk in exchange.chunks():
                    yield chunk
                    sent_bytes += len(chunk)
            except Exception:
                why_broken = "upstream broke off"
                raise
            why_broken = None

        def end() -> None:
            exchange.close()
            if why_broken is None:
                self.log.request(request, reply, sent_bytes)
            else:
                self.log.broken(request, reply, sent_bytes, why_broken)

        response = response_of(reply, body())
        response.call_on_close(end)
        return response

    def _start(self) -> tuple[LoopThread, Runtime]:
        with self._lock:
            if self._host is None:
                thread = LoopThread()
                try:
                    runtime = thread.run(self.open_runtime())
                except BaseException:
                    thread.stop()
                    raise
                self._host = (thread, runtime)
            return self._host

    def _at_work(self) -> tuple[asyncio.AbstractEventLoop, Cache]:
        """The cache that this process serves from, and the loop it is on."""
        if self._edge is not None:
            loop, runtime = self._edge
        else:
            thread, runtime = self._host or self._start()
            loop = thread.loop
        return loop, runtime.cache

    def _begin_anew(self, settings: Settings) -> None:
        """In a forked child: the loop's thread stayed with the parent. The child's copies are
        kept for ever, since closing them would reach for that thread."""
        if self._host is not None:
            _LOST.append(self._host)
        self._host = None
        self._lock = threading.Lock()
        self.settings = settings


_GATEWAYS: "weakref.WeakSet[Gateway]" = weakref.WeakSet()
_LOST: list[tuple[LoopThread, Runtime]] = []


def _begin_anew_after_fork() -> None:
    gateways = list(_GATEWAYS)
    # pyreqwest refuses to work in the child of a process that it has worked in. Servers that fork
    # before the first request, as gunicorn does, are not meant.
    spoilt = any(gateway._host is not None for gateway in gateways)
    for gateway in gateways:
        settings = gateway.settings
        gateway._begin_anew(replace(settings, transport="httpx") if spoilt else settings)


def _close_all() -> None:
    for gateway in list(_GATEWAYS):
        gateway.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_after_fork)
atexit.register(_close_all)


def _health() -> flask.Response:
    """The project is compiled, so the gateway can serve; upstreams are not asked."""
    return flask.jsonify(status="ok")


def _nothing(_: int) -> bytes:
    return b""


def _bytes(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b""
