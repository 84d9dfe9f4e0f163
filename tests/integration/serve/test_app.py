"""`bff serve --app`: a Flask app with its gateway, by the gateway's own server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bff.cli.serving.apps import load_app
from bff.errors import SettingsError
from tests.support.gateway.serving import Serve, gateways
from tests.support.projects import write_project

SHOP = """
import flask
import bff

app = flask.Flask("shop")
bff.Gateway(app)


@app.get("/hello/<name>")
def hello(name):
    return f"hello {name}"


def make():
    made = flask.Flask("shop")
    bff.Gateway(made)
    return made


def needs(argument):
    return app


def broken():
    raise RuntimeError("not today")


bare = flask.Flask("bare")
count = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with modules."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "needy.py").write_text("import missing_library\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    with gateways(folder) as start:
        yield start


@pytest.mark.parametrize("name", ["shop:app", "shop:make"])
def test_app_is_served_with_its_gateway(serve: Serve, name: str) -> None:
    serving = serve("--app", name, "--workers", "2")
    serving.wait_until_it_answers()
    assert (serving.host.get("/hello/ann").body == b"hello ann") is (name == "shop:app")
    assert serving.host.get("/home/nobody").json()["reason"] == "bad_params"
    serving.terminate()
    out = serving.said()
    assert serving.process.returncode == 0, out
    assert f"{name} at http://127.0.0.1:{serving.port}" in out
    assert "Traceback" not in out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elsewhere:app", "there is no module elsewhere in {folder}, nor is it installed."),
        ("shop.web:app", "there is no module shop.web in {folder}, nor is it installed."),
        ("shop:ap", "shop has no 'ap'. Flask apps there: app, bare."),
        ("shop:count", "this is an object of the type int, and no Flask app."),
        (
            "shop:needs",
            "this is no Flask app, and no function without arguments that returns one.",
        ),
        ("shop:bare", "no gateway is mounted in this app: bff.Gateway(app) mounts one."),
        ("shop:broken", "the function failed.\nTraceback "),
        ("needy:app", "the import of needy failed.\nTraceback "),
    ],
)
def test_what_is_no_app_with_a_gateway_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    write_project(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    with pytest.raises(SettingsError) as refused:
        load_app(name)
    assert str(refused.value).startswith(f"BFF_APP: {name}: {message.format(folder=folder)}")


def test_app_that_no_worker_can_serve_is_reported_once_and_ends_the_gateway_with_1(
    serve: Serve,
) -> None:
    serving = serve("--app", "shop:bare", "--workers", "2")
    out = serving.said()
    assert serving.process.returncode == 1
    assert out.count("BFF_APP: shop:bare: no gateway is mounted in this app") == 1, out
    assert "Traceback" not in out
    assert not serving.has_redis()


def test_name_without_a_colon_is_refused_by_the_command(serve: Serve) -> None:
    serving = serve("--app", "shop")
    assert "must be MODULE:NAME, as in shop.web:app, not 'shop'" in serving.said()
    assert serving.process.returncode == 2


def test_problem_of_the_apps_project_is_reported_as_in_bff_check(
    serve: Serve, folder: Path
) -> None:
    write_project(folder)
    (folder / "compositions" / "home.yaml").write_text("endpoint: GET /home\nsteps: none\n")
    serving = serve("--app", "shop:app")
    out = serving.said()
    assert serving.process.returncode == 1
    assert "\ncompositions/home.yaml:" in out
    assert "Traceback" not in out
