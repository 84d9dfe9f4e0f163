"""Whoever guards a Flask app guards its compositions and routes: in every host, in any order."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
import pytest

from bff import Gateway
from bff.settings import Settings
from tests.support.hosts import HOSTS, Answer, Host, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.wire import WireServer
from tests.support.wire_scripts import json_reply

SETTINGS = Settings(log_level="error")
PATHS = ["/home/1", "/cached/1", "/raw/users/1"]


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


@contextmanager
def mounted(
    name: str,
    folder: Path,
    *,
    before: Callable[[flask.Flask], None] = lambda app: None,
    after: Callable[[flask.Flask], None] = lambda app: None,
    app: flask.Flask | None = None,
    **options: Any,
) -> Iterator[tuple[Host, WireServer]]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream:
        write_project(
            folder,
            {"home": HOME, "cached": HOME.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n"},
            services={"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)},
            gateway="routes: {/raw: {service: shop, strip: true}}\n",
        )
        app = app or flask.Flask("own", static_folder=None)
        app.add_url_rule("/own", "own", lambda: "mine")
        before(app)
        Gateway(app, folder, SETTINGS, **options)
        after(app)
        with serving(name, folder, app=app) as host:
            yield host, upstream


def ask(host: Host, path: str, name: str) -> Answer:
    return host.get(path, authorization=f"Bearer {name}")


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("guard", [by_hook, by_blueprint, by_wrapping, by_url_values])
@pytest.mark.parametrize("order", ["before", "after"])
def test_login_of_the_app_holds_for_compositions_and_routes(
    tmp_path: Path, name: str, guard: Callable[[flask.Flask], None], order: str
) -> None:
    with mounted(name, tmp_path, **{order: guard}) as (host, upstream):  # type: ignore[arg-type]
        for path in ("/own", *PATHS, *PATHS):
            assert ask(host, path, "mallory").status == 401
        assert upstream.requests == []
        for path in ("/own", *PATHS, *PATHS):
            assert ask(host, path, "ann").status == 200
            assert ask(host, path, "mallory").status == 401


@pytest.mark.parametrize("name", HOSTS)
def test_login_in_a_method_that_the_app_overrides_holds(tmp_path: Path, name: str) -> None:
    with mounted(name, tmp_path, app=GuardedFlask("own", static_folder=None)) as (host, _):
        for path in PATHS:
            assert ask(host, path, "mallory").status == 401
            assert ask(host, path, "ann").status == 200


@pytest.mark.parametrize("name", HOSTS)
def test_hooks_after_a_request_see_compositions_and_routes(tmp_path: Path, name: str) -> None:
    ended: list[str] = []

    def hooks(app: flask.Flask) -> None:
        def sign(response: flask.Response) -> flask.Response:
            response.headers["X-Signed"] = flask.request.endpoint or "nobody"
            return response

        app.after_request(sign)
        app.teardown_request(lambda error: ended.append(flask.request.path))

    with mounted(name, tmp_path, after=hooks) as (host, _):
        for path in PATHS:
            answer = ask(host, path, "ann")
            assert (answer.status, answer.header("x-signed")) == (200, "bff.project")
        assert ended == PATHS


@pytest.mark.parametrize("name", HOSTS)
def test_error_handler_of_the_app_answers_what_its_guard_raises(tmp_path: Path, name: str) -> None:
    def guard(app: flask.Flask) -> None:
        app.before_request(login)
        app.register_error_handler(401, lambda error: ("log in first", 401))

    with mounted(name, tmp_path, after=guard) as (host, _):
        for path in PATHS:
            answer = ask(host, path, "mallory")
            assert (answer.status, answer.body) == (401, b"log in first")


@pytest.mark.parametrize("name", HOSTS)
def test_guards_none_answers_before_the_hooks_of_the_app(tmp_path: Path, name: str) -> None:
    with mounted(name, tmp_path, after=by_hook, guards="none") as (host, _):
        for path in PATHS:
            assert ask(host, path, "mallory").status == 200
        assert ask(host, "/own", "mallory").status == 401
        assert ask(host, "/nowhere", "mallory").status == 401


def test_guards_are_named_when_the_edge_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "bff"), mounted("edge", tmp_path, after=by_hook):
        pass
    assert f"before_request: {__name__}.login" in caplog.text


def test_app_without_guards_is_served_on_the_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def handlers(app: flask.Flask) -> None:
        app.register_error_handler(500, lambda error: ("sorry", 500))

    with caplog.at_level(logging.WARNING, "bff"), mounted("edge", tmp_path, after=handlers):
        pass
    assert "through Flask" not in caplog.text


@pytest.mark.parametrize("name", HOSTS)
def test_url_prefix_stands_before_all_that_is_the_gateways(tmp_path: Path, name: str) -> None:
    with mounted(name, tmp_path, url_prefix="/api") as (host, upstream):
        for path in [*PATHS, "/healthz"]:
            assert host.get(f"/api{path}").status == 200
            assert host.get(path).status == 404
        assert host.get("/own").body == b"mine"
        assert [each.target for each in upstream.requests] == ["/users/1"] * 3


@pytest.mark.parametrize("prefix", ["api", "/api/", "/"])
def test_url_prefix_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="url_prefix"):
        Gateway(url_prefix=prefix)


@pytest.mark.parametrize("name", HOSTS)
def test_catch_all_of_the_app_that_hides_compositions_is_warned_of(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def catch_all(app: flask.Flask) -> None:
        app.add_url_rule("/<path:path>", "spa", lambda path: "page")

    with (
        caplog.at_level(logging.WARNING, "bff"),
        mounted(name, tmp_path, before=catch_all) as (host, _),
    ):
        assert host.get("/home/1").body == b"page"
    assert (
        "GET /home/{user_id} is hidden: the app's own rule /<path:path> (view spa)" in caplog.text
    )
