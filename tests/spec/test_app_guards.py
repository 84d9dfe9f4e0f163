"""Whoever guards a Flask app guards its compositions and routes: in every host, in any order."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask
import pytest
from werkzeug.exceptions import HTTPException, NotFound

from bff import Gateway
from bff.settings import Settings
from tests.support.access.app_guards import (
    GuardedFlask,
    by_assigned_method,
    by_blueprint,
    by_hook,
    by_session,
    by_signal,
    by_url_values,
    by_wrapping,
    by_wrapping_every_view,
    login,
)
from tests.support.gateway.hosts import HOSTS, Answer, Host, serving
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

SETTINGS = Settings(log_level="error")
PATHS = ["/home/1", "/cached/1", "/raw/users/1"]


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
            {
                "home": HOME,
                "cached": HOME.replace("/home/", "/cached/") + "cache: {ttl: 5m}\n",
                "shared": HOME.replace("/home/", "/shared/") + "cache: {ttl: 5m, scope: public}\n",
            },
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
@pytest.mark.parametrize("guard", [by_hook, by_blueprint, by_wrapping, by_url_values, by_signal])
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
@pytest.mark.parametrize("guard", [by_assigned_method, by_session, by_wrapping_every_view])
def test_whatever_of_the_app_refuses_a_request_refuses_compositions_and_routes(
    tmp_path: Path, name: str, guard: Callable[[flask.Flask], None]
) -> None:
    with mounted(name, tmp_path, after=guard) as (host, upstream):
        for path in ("/own", *PATHS):
            assert ask(host, path, "mallory").status >= 400
        assert upstream.requests == []
        for path in ("/own", *PATHS):
            assert ask(host, path, "ann").status == 200


@pytest.mark.parametrize("name", HOSTS)
def test_hosts_that_the_app_trusts_are_those_of_compositions_and_routes(
    tmp_path: Path, name: str
) -> None:
    def trust(app: flask.Flask) -> None:
        app.config["TRUSTED_HOSTS"] = ["127.0.0.1"]

    with mounted(name, tmp_path, after=trust) as (host, _):
        for path in ("/own", *PATHS):
            assert host.get(path).status == 200
            assert host.get(path, host="evil.example").status == 400


def test_guard_that_comes_after_the_edge_has_started_is_refused(tmp_path: Path) -> None:
    with mounted("edge", tmp_path) as (host, _):
        assert host.get("/home/1").status == 200
        with pytest.raises(AssertionError, match="before_request"):
            host.app.before_request(login)


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
            assert (answer.status, answer.header("x-signed")) == (200, "bff_project")
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
def test_reply_of_an_app_that_guards_its_requests_is_never_public(
    tmp_path: Path, name: str
) -> None:
    for guard, expected in ((None, "public, max-age="), (by_hook, "private, no-cache")):
        folder = tmp_path / expected[:6]
        folder.mkdir()
        after = guard or (lambda app: None)
        with mounted(name, folder, after=after) as (host, _):
            for _ in range(2):
                control = ask(host, "/shared/1", "ann").header("cache-control") or ""
                assert control.startswith(expected)


@pytest.mark.parametrize("name", HOSTS)
def test_view_of_the_app_wins_however_its_rule_is_spelled(tmp_path: Path, name: str) -> None:
    def views(app: flask.Flask) -> None:
        app.add_url_rule("/raw/mine/", "mine", lambda: "mine", strict_slashes=False)

    with mounted(name, tmp_path, before=views) as (host, upstream):
        for path in ("/raw/mine", "/raw/mine/"):
            assert host.get(path).body == b"mine"
        assert upstream.requests == []


@pytest.mark.parametrize("name", HOSTS)
def test_path_that_the_app_rewrites_is_the_path(tmp_path: Path, name: str) -> None:
    class WithoutVersion:
        def __init__(self, wsgi_app: Any) -> None:
            self._wsgi_app = wsgi_app

        def __call__(self, environ: Any, start_response: Any) -> Any:
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/v1")
            return self._wsgi_app(environ, start_response)

    def rewrite(app: flask.Flask) -> None:
        app.wsgi_app = WithoutVersion(app.wsgi_app)  # type: ignore[method-assign]

    with mounted(name, tmp_path, after=rewrite) as (host, _):
        for path in ("/own", *PATHS):
            assert host.get(f"/v1{path}").status == 200


def test_second_gateway_in_one_app_is_refused(tmp_path: Path) -> None:
    app = flask.Flask("own", static_folder=None)
    write_project(tmp_path)
    Gateway(app, tmp_path, SETTINGS)
    with pytest.raises(RuntimeError, match="already"):
        Gateway(app, tmp_path, SETTINGS)


@pytest.mark.parametrize("name", HOSTS)
def test_text_of_an_error_that_a_view_of_the_app_raises_stays(tmp_path: Path, name: str) -> None:
    def view(app: flask.Flask) -> None:
        app.add_url_rule("/users/7", "user", lambda: flask.abort(404, "no such user"))

    with mounted(name, tmp_path, before=view) as (host, _):
        answer = host.get("/users/7")
        assert answer.status == 404
        assert b"no such user" in answer.body


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("error", [HTTPException, Exception, NotFound, 404])
def test_page_of_the_app_for_what_is_not_there_stays(
    tmp_path: Path, name: str, error: type[Exception] | int
) -> None:
    def page(app: flask.Flask) -> None:
        app.register_error_handler(error, lambda error: ("my page", 404))

    with mounted(name, tmp_path, after=page) as (host, _):
        assert host.get("/nowhere").body == b"my page"
        assert host.get("/home/x").json()["reason"] == "bad_params"


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
    assert f"before_request: {login.__module__}.login" in caplog.text


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
