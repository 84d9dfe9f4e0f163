"""The ways in which an app of Flask's lets in nobody but `Bearer ann`."""

from collections.abc import Callable
from typing import Any

import flask


def login() -> None:
    if flask.request.headers.get("Authorization") != "Bearer ann":
        flask.abort(401)


class LoginAround:
    """Guards an app from around its `wsgi_app`."""

    def __init__(self, wsgi_app: Any) -> None:
        self._wsgi_app = wsgi_app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ.get("HTTP_AUTHORIZATION") != "Bearer ann":
            start_response("401 Unauthorized", [("Content-Length", "0")])
            return [b""]
        return self._wsgi_app(environ, start_response)


class GuardedFlask(flask.Flask):
    """Guards itself, by a method that it overrides."""

    def preprocess_request(self) -> Any:
        login()
        return super().preprocess_request()


def by_hook(app: flask.Flask) -> None:
    app.before_request(login)


def by_blueprint(app: flask.Flask) -> None:
    blueprint = flask.Blueprint("guard", "guard")
    blueprint.before_app_request(login)
    app.register_blueprint(blueprint)


def by_wrapping(app: flask.Flask) -> None:
    app.wsgi_app = LoginAround(app.wsgi_app)  # type: ignore[method-assign]


def by_url_values(app: flask.Flask) -> None:
    app.url_value_preprocessor(lambda endpoint, values: login())


def by_signal(app: flask.Flask) -> None:
    flask.request_started.connect(check_started, app)


def check_started(app: flask.Flask, **_: Any) -> None:
    login()


def by_assigned_method(app: flask.Flask) -> None:
    create = app.create_url_adapter

    def create_url_adapter(request: flask.Request | None) -> Any:
        if request is not None and request.headers.get("Authorization") != "Bearer ann":
            flask.abort(401)
        return create(request)

    app.create_url_adapter = create_url_adapter  # type: ignore[method-assign]


class GuardedSession(flask.sessions.SecureCookieSessionInterface):
    """Guards an app by who has a session."""

    def open_session(self, app: flask.Flask, request: flask.Request) -> Any:
        if request.headers.get("Authorization") != "Bearer ann":
            flask.abort(401)
        return super().open_session(app, request)


def by_wrapping_every_view(app: flask.Flask) -> None:
    def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
        def answer(**values: Any) -> Any:
            login()
            return view(**values)

        return answer

    for endpoint, view in list(app.view_functions.items()):
        app.view_functions[endpoint] = guarded(view)


def by_session(app: flask.Flask) -> None:
    app.session_interface = GuardedSession()
