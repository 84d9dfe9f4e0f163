"""The Flask host: compositions and routes of a project as views of an app, on any WSGI server.

Rules:
1. The app's own views win: the project gets what none of them takes, before Flask answers with
   404, 405 or a redirect. So nothing redirects slashes on data paths.
2. Compositions and routes are a view like others. Whatever guards the app's requests guards them:
   hooks that are registered before or after, on the app or by its blueprints, and what wraps it.
3. The view's thread waits for the gateway's loop: the ASGI host's where the app is behind one, else
   a thread of its own, one per process, made at first use, anew after a fork.
"""

import asyncio
import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Rule

from bff.cache.cache import Cache
from bff.identity.ports import IdentityProvider
from bff.plan.model.composition import CompiledProject
from bff.settings import Settings, describe_ignored, load_settings
from bff.web.gateway import Gateway, load_gateway
from bff.web.hosts.flask.admin import add_admin
from bff.web.hosts.flask.answers import Answers
from bff.web.hosts.flask.loop_thread import LoopThread
from bff.web.hosts.flask.rules import FlaskRules, guards_of, mark_ours
from bff.web.hosts.flask.wsgi import Environ, GatewayResponse, is_behind_edge, request_of
from bff.web.http.problems import not_found, wrong_method
from bff.web.http.requests import GatewayRequest
from bff.web.serving.metrics_endpoint import METRICS_PATH

_HEALTH = "/healthz"
_VIEW = "bff_project"  # without a dot, which would make it a blueprint's

_log = logging.getLogger(__name__)

Guards = Literal["app", "none"]


class FlaskGateway:
    """The Flask extension, `bff.Gateway`: `Gateway(app)`, or `init_app` later. Raises
    `ProjectError` when the project is broken.

    `url_prefix` stands before every path of the gateway's: "/api". With `guards="none"` requests
    to compositions and routes are answered before the app's hooks see them.
    """

    app: flask.Flask
    core: Gateway
    rules: FlaskRules

    def __init__(
        self,
        app: flask.Flask | None = None,
        project: Path | str | None = None,
        settings: Settings | None = None,
        *,
        identity: IdentityProvider | None = None,
        url_prefix: str = "",
        guards: Guards = "app",
    ) -> None:
        if url_prefix and (url_prefix[0] != "/" or url_prefix[-1] == "/"):
            raise ValueError(f"url_prefix begins with a slash and ends without: not {url_prefix!r}")
        if guards not in ("app", "none"):
            raise ValueError(f"guards is 'app' or 'none', not {guards!r}")
        self._folder = project
        self._settings = settings
        self._identity = identity
        self._url_prefix = url_prefix
        self._guards = guards
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None
        self._has_warned = False
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Compile the project and attach it to `app`. Without a folder, `BFF_PROJECT` names it,
        and without that it is the current one."""
        settings = self._settings or _read_settings()
        backend = dict(app.config) if app.config.get("CACHE_TYPE") else None
        core = load_gateway(
            Path(self._folder or settings.project),
            settings,
            identity=self._identity,
            backend=backend,
            url_prefix=self._url_prefix,
        )
        self.attach(app, core)

    def attach(self, app: flask.Flask, core: Gateway) -> None:
        """Serve a gateway in `app`. Raises `RuntimeError` where one is served there already."""
        if "bff" in app.extensions:
            raise RuntimeError("a Gateway is mounted in this app already: one app has one")
        self.app, self.core = app, core
        self.rules = FlaskRules(app)
        self._answers = Answers(core.telemetry)
        app.extensions["bff"] = self
        health = core.url_prefix + _HEALTH
        if not any(rule.rule == health for rule in app.url_map.iter_rules()):
            app.add_url_rule(health, "bff.health", _health)
        if core.settings.admin_token is not None:
            token = core.settings.admin_token
            add_admin(app, core, token, self._at_work)
        for error in (NotFound, MethodNotAllowed):
            known = app.error_handler_spec[None].get(error.code, {})
            if error not in known:  # the app's own error pages stay
                app.register_error_handler(error, self._answer_error)
        self._wrapped_view = self._view  # one object, to be known again
        app.endpoint(_VIEW)(self._wrapped_view)
        if self._guards == "app":
            _match_last(app, self)
        else:
            app.wsgi_app = mark_ours(_BeforeApp(app.wsgi_app, self))  # type: ignore[method-assign]
        _EXTENSIONS.add(self)

    @property
    def project(self) -> CompiledProject:
        """The project that is served now."""
        return self.core.project

    def guards(self) -> tuple[str, ...]:
        """The app's hooks that guard compositions and routes, by name."""
        if self._guards == "none":
            return ()
        found = guards_of(self.app)
        if self.app.view_functions[_VIEW] is not self._wrapped_view:
            found = (*found, f"view_functions: {_VIEW} is replaced")
        return found

    def warn_of_hidden(self) -> None:
        """Warn, once, of what the app's own views hide."""
        if self._has_warned:
            return
        self._has_warned = True
        own = [] if self.core.settings.metrics_token is None else [METRICS_PATH]
        for name, rule in self.rules.hidden(self.project, self.core.url_prefix, own):
            _log.warning(
                "%s is hidden: the app's own rule %s (view %s) takes its requests",
                name, rule.rule, rule.endpoint,
            )  # fmt: skip

    def close(self) -> None:
        """Close what this process opened; a later request opens it again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._answers.close()
            thread.run(self.core.close())
            thread.stop()
        self.core.log.leave_library_lines()
        self.core.log.flush()

    def answer(self, environ: Environ) -> GatewayResponse:
        """The response to a request that the project has something for."""
        request = request_of(environ)
        self.core.locate(request)
        loop, _ = self._at_work()
        begun = self.core.begin(request)
        if begun is None:  # a release that came since has nothing here
            begun = self.core.finish(request, not_found(request))
        return self._answers.answer(environ, request, begun, loop)

    def takes_before_app(self, environ: Environ) -> bool:
        """Whether the project answers this request, and no view of the app's does."""
        self.warn_of_hidden()
        request = request_of(environ)
        return not self.rules.take(request) and self.finds(request)

    def finds(self, request: GatewayRequest) -> bool:
        """Whether the project has anything at the request's path, or refuses it."""
        self._at_work()
        return self.core.finds(request.method, request.raw_path)

    def _view(self) -> GatewayResponse:
        return self.answer(flask.request.environ)

    def _answer_error(self, error: HTTPException) -> Any:
        """Flask found nothing either. The app's own page for any error comes first, and what a view
        of the app's has raised is the app's."""
        if flask.request.routing_exception is not error:
            return error
        of_all = self.app.error_handler_spec[None][None]
        own = next((of_all[each] for each in type(error).__mro__ if each in of_all), None)
        if own is not None:
            return self.app.ensure_sync(own)(error)
        environ = flask.request.environ
        request = request_of(environ)
        self.core.locate(request)
        self._at_work()
        if isinstance(error, MethodNotAllowed):
            reply = wrong_method(request, tuple(sorted(error.valid_methods or ())))
        else:
            reply = not_found(request)
        return self._answers.whole(environ, request, self.core.finish(request, reply))

    def _at_work(self) -> tuple[asyncio.AbstractEventLoop, Cache]:
        """The loop that this process serves on, and the cache there; opened where nobody has."""
        resources = self.core.resources
        if resources is None:
            with self._lock:
                resources = self.core.resources or self._open()
        return resources.loop, self.core.cache

    def _open(self) -> Any:
        self.core.is_guarded = bool(self.guards())
        thread = LoopThread()
        try:
            resources = thread.run(self.core.open())
        except BaseException:
            thread.stop()
            raise
        self._thread = thread
        # Without a handler, Python writes warnings to standard error and waits for its reader.
        if not logging.getLogger("bff").hasHandlers():
            self.core.log.take_library_lines()
        return resources

    def _begin_anew(self) -> None:
        """In a forked child: the loop's thread stayed with the parent. The child's copies stay for
        ever, since closing them would reach for that thread."""
        _LOST.append((self._thread, self.core.abandon()))
        self._thread = None
        self._lock = threading.Lock()


class _BeforeApp:
    """A WSGI application that answers for the project before the app sees a request."""

    def __init__(self, app: Callable[..., Iterable[bytes]], extension: FlaskGateway) -> None:
        self._app = app
        self._extension = extension

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if not is_behind_edge(environ) and self._extension.takes_before_app(environ):
            return self._extension.answer(environ)(environ, start_response)
        return self._app(environ, start_response)


def _match_last(app: flask.Flask, extension: FlaskGateway) -> None:
    """Have the app's URL adapter give the project's view for what no rule of the app's takes.

    Not by URL rules: werkzeug decodes paths before it splits them, and redirects slashes. Not by a
    `before_request` hook: those that are registered after it would not run.
    """
    create = app.create_url_adapter
    rule = Rule("/<bff>", endpoint=_VIEW)

    def create_url_adapter(request: flask.Request | None) -> Any:
        adapter = create(request)
        if adapter is None or request is None:
            return adapter
        extension.warn_of_hidden()
        match = adapter.match

        def match_last(*arguments: Any, **options: Any) -> Any:
            try:
                return match(*arguments, **options)
            except HTTPException:
                if arguments or options != {"return_rule": True}:
                    raise  # not Flask, which asks for the request's own path
                if extension.finds(request_of(request.environ)):
                    return rule, {}
                raise

        adapter.match = match_last  # type: ignore[method-assign]
        return adapter

    app.create_url_adapter = mark_ours(create_url_adapter)  # type: ignore[method-assign]


_EXTENSIONS: "weakref.WeakSet[FlaskGateway]" = weakref.WeakSet()
_LOST: list[Any] = []


def _begin_anew_after_fork() -> None:
    for each in list(_EXTENSIONS):
        each._begin_anew()


def _close_all() -> None:
    for extension in list(_EXTENSIONS):
        try:
            extension.close()
        except Exception:
            _log.exception("a gateway could not be closed")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew_after_fork)
# Before `concurrent.futures` ends its pools, which comes before any `atexit` callback: without them
# the cache could not make the purges that it owes. Where Python has no such place any more, later.
getattr(threading, "_register_atexit", atexit.register)(_close_all)


def _read_settings() -> Settings:
    for line in describe_ignored(os.environ):
        _log.warning(line)
    return load_settings(os.environ)


def _health() -> flask.Response:
    """The project is compiled, so the gateway can serve; upstreams are not asked."""
    return flask.jsonify(status="ok")
