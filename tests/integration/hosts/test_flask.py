"""What only the plain Flask host does: living in an app, in a test client, across forks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from bff import Gateway, create_app
from bff.errors import ProjectError
from bff.settings import Settings
from tests.support.projects import HOME, SHOP_SERVICE, write_project
from tests.support.redis.server import RedisServer
from tests.support.upstream.wire import WireServer
from tests.support.upstream.wire_scripts import json_reply

QUIET = Settings(log_level="error")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with WireServer(json_reply('{"id": 1, "first_name": "Ann"}')) as upstream:
        services = {"shop": SHOP_SERVICE.replace("http://127.0.0.1:9", upstream.url)}
        yield write_project(tmp_path, {"home": HOME}, services=services)


def close(app: flask.Flask) -> None:
    app.extensions["bff"].close()


def test_test_client_is_served_without_a_server(folder: Path) -> None:
    app = create_app(folder, QUIET)
    client = app.test_client()
    answer = client.get("/home/1", headers={"X-Request-ID": "id-1"})
    assert (answer.status_code, answer.json["user"]["id"]) == (200, 1)
    assert answer.headers["X-Request-ID"] == "id-1"
    assert client.get("/home/a%2Fb").json["reason"] == "bad_params"
    assert client.get("/home/1/").status_code == 404
    assert client.get("/healthz").status_code == 200
    close(app)


def test_own_views_and_error_pages_stay_and_slashes_are_redirected_for_own_views_alone(
    folder: Path,
) -> None:
    app = flask.Flask("own", static_folder=None)
    app.add_url_rule("/home/5", "five", lambda: "my own five")
    app.add_url_rule("/home/", "own_home", lambda: "my own home")
    app.add_url_rule("/home/1/", "one", lambda: "my own one")
    app.register_error_handler(404, lambda _: ("my own 404", 404))
    Gateway(app, folder, QUIET)
    client = app.test_client()
    assert client.get("/home/5").data == b"my own five"
    assert client.get("/home/6").json["user"]["id"] == 1
    assert client.get("/home").status_code == 308
    assert client.get("/home/1").status_code == 200  # the composition, not a redirect to /home/1/
    assert client.get("/nowhere").data == b"my own 404"
    assert client.delete("/home/6").json["reason"] == "wrong_method"
    close(app)


def test_wrong_method_of_an_own_view_is_a_problem_document_too(folder: Path) -> None:
    app = flask.Flask("own", static_folder=None)
    app.add_url_rule("/about", "about", lambda: "")
    Gateway(project=folder, settings=QUIET).init_app(app)
    answer = app.test_client().post("/about")
    assert (answer.status_code, answer.json["reason"]) == (405, "wrong_method")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_project_that_is_broken_is_refused_when_it_is_mounted(tmp_path: Path) -> None:
    with pytest.raises(ProjectError):
        create_app(write_project(tmp_path, {"home": "endpoint: nonsense"}), QUIET)


def test_settings_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFF_PROJECT", str(folder))
    monkeypatch.setenv("BFF_LOG_LEVEL", "error")
    app = create_app()
    assert app.test_client().get("/home/1").status_code == 200
    close(app)


def test_closed_gateway_opens_again(folder: Path) -> None:
    app = create_app(folder, QUIET)
    client = app.test_client()
    for _ in range(2):
        assert client.get("/home/1").status_code == 200
        close(app)


FORKING = """
import os, sys
from bff import create_app

client = create_app().test_client()
assert client.get("/home/1").status_code == 200  # the loop thread runs in the parent
child = os.fork()
if child == 0:
    status = client.get("/home/1").status_code
    os._exit(0 if status == 200 else 1)
_, ended = os.waitpid(child, 0)
assert client.get("/home/1").status_code == 200
sys.exit(os.waitstatus_to_exitcode(ended))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_child_of_a_fork_makes_a_loop_of_its_own(folder: Path) -> None:
    environ = {**os.environ, "BFF_PROJECT": str(folder), "BFF_LOG_LEVEL": "error"}
    done = subprocess.run(
        [sys.executable, "-c", FORKING], env=environ, timeout=60, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")


LEAVING = """
import sys
from bff import create_app

app = create_app(sys.argv[1])
assert app.test_client().get("/home/1").status_code == 200
"""


def test_process_with_redis_ends_without_a_word(folder: Path, server: RedisServer) -> None:
    environ = {**os.environ, "BFF_REDIS_URL": server.url, "BFF_LOG_LEVEL": "error"}
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, str(folder)],
        env=environ, timeout=60, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()) == (0, "")
