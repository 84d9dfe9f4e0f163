"""`bff check` of routes with WebSockets: pages may open them, and no guards of an app see them."""

from pathlib import Path

import flask
import pytest
from click.testing import CliRunner, Result
from flask.cli import ScriptInfo

from bff import Gateway
from bff.cli import bff
from bff.plan.compiler.project import check_project
from tests.support.projects import SHOP_SERVICE, write_project

LIVE = """
cors: {origins: ["https://shop.example"]}
routes:
  /live: {service: shop, websocket: true}
"""


def check(folder: Path, app: flask.Flask | None) -> Result:
    """As `bff check`, or as `flask bff check` with this app."""
    script = None if app is None else ScriptInfo(create_app=lambda: app)
    return CliRunner().invoke(bff, ("check", "--project", str(folder)), obj=script)


def guarded_app(folder: Path) -> flask.Flask:
    app = flask.Flask("shop")
    Gateway(app, folder)
    app.before_request(lambda: None)
    return app


def test_route_with_websockets_and_listed_origins_is_fine(tmp_path: Path) -> None:
    assert check_project(write_project(tmp_path, gateway=LIVE)).problems == ()


def test_websockets_that_no_page_may_open_are_reported(tmp_path: Path) -> None:
    gateway = "routes:\n  /live: {service: shop, websocket: true}\n"
    (problem,) = check_project(write_project(tmp_path, gateway=gateway)).problems
    assert str(problem).startswith("gateway.yaml:2:37 routes./live.websocket: no page may open")
    assert "cors: {origins:" in problem.mend


def test_origins_that_are_broken_are_the_only_problem(tmp_path: Path) -> None:
    gateway = LIVE.replace("https://shop.example", "*")
    (problem,) = check_project(write_project(tmp_path, gateway=gateway)).problems
    assert problem.path == "cors.origins[0]"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_websockets_that_a_proxy_on_the_way_would_end_are_reported(
    tmp_path: Path, scheme: str
) -> None:
    base = f"base: {scheme}://shop.example\nproxy: http://proxy.example:3128"
    services = {"shop": SHOP_SERVICE.replace("base: http://127.0.0.1:9", base)}
    problems = check_project(write_project(tmp_path, services=services, gateway=LIVE)).problems
    if scheme == "https":
        assert problems == ()
    else:
        (problem,) = problems
        assert problem.what == "the proxy of shop passes no WebSockets to http://shop.example"


def test_websockets_behind_the_guards_of_an_app_are_reported_with_them(tmp_path: Path) -> None:
    folder = write_project(tmp_path, gateway=LIVE)
    result = check(folder, guarded_app(folder))
    assert result.exit_code == 1
    assert result.stdout.startswith("gateway.yaml:3:37 routes./live.websocket: the app's hooks")
    assert "before_request: " in result.stdout
    assert 'guards="none"' in result.stdout


def test_app_may_be_named_as_for_bff_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_project(tmp_path, gateway=LIVE)
    (folder / "guarded_shop.py").write_text(
        "from flask import Flask\n"
        "from bff import Gateway\n"
        "app = Flask('shop')\n"
        f"Gateway(app, {str(folder)!r})\n"
        "app.before_request(lambda: None)\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    arguments = ("check", "--project", str(folder), "--app", "guarded_shop:app")
    result = CliRunner().invoke(bff, arguments)
    assert result.exit_code == 1
    assert "routes./live.websocket: the app's hooks" in result.stdout
    result = CliRunner().invoke(bff, (*arguments[:-1], "guarded_shop:web"))
    assert result.exit_code == 1
    assert "guarded_shop has no 'web'. Flask apps there: app" in result.stderr


def test_app_whose_project_is_broken_leaves_the_problems_to_the_check(tmp_path: Path) -> None:
    folder = write_project(tmp_path, gateway=LIVE)
    broken = tmp_path / "broken"
    broken.mkdir()

    def create_app() -> flask.Flask:
        app = flask.Flask("shop")
        Gateway(app, broken)
        return app

    script = ScriptInfo(create_app=create_app)
    result = CliRunner().invoke(bff, ("check", "--project", str(folder)), obj=script)
    assert result.exit_code == 0


def test_websockets_in_an_app_without_guards_are_fine(tmp_path: Path) -> None:
    folder = write_project(tmp_path, gateway=LIVE)
    app = flask.Flask("shop")
    Gateway(app, folder)
    assert check(folder, app).exit_code == 0
    unguarded = flask.Flask("shop")
    Gateway(unguarded, folder, guards="none")
    unguarded.before_request(lambda: None)
    assert check(folder, unguarded).exit_code == 0


def test_app_without_a_gateway_and_no_app_change_nothing(tmp_path: Path) -> None:
    folder = write_project(tmp_path, gateway=LIVE)
    assert check(folder, flask.Flask("other")).exit_code == 0
    assert check(folder, None).exit_code == 0


def test_routes_shows_which_have_websockets(tmp_path: Path) -> None:
    folder = write_project(tmp_path, gateway=LIVE)
    result = CliRunner().invoke(bff, ("routes", "--project", str(folder)))
    assert "service shop, prefix stripped, with WebSockets" in result.stdout
