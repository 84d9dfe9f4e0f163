"""The `bff` command, as a terminal sees it."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import HOME, SHOP_SCHEMAS, write_project


def run(*arguments: str) -> Result:
    return CliRunner().invoke(bff, arguments)


@pytest.fixture
def sound(tmp_path: Path) -> str:
    return str(write_project(tmp_path))


@pytest.fixture
def broken(tmp_path: Path) -> str:
    return str(write_project(tmp_path, {"home": HOME.replace("get_user", "get_usr")}))


def test_check_of_a_sound_project_counts_and_exits_with_0(sound: str) -> None:
    result = run("check", "--project", sound)
    assert result.exit_code == 0
    assert result.stdout == "1 composition over 4 operations: no problem.\n"


@pytest.mark.parametrize("command", [["alerts"], ["dashboard"], ["new", "shop"]])
def test_output_that_a_full_disk_does_not_take_is_one_line(
    tmp_path: Path, command: list[str]
) -> None:
    program = [sys.executable, "-m", "bff.cli", *command]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(program, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE)
    assert ended.returncode == 1
    assert ended.stderr == b"Error: the output can't be written: No space left on device\n"


def test_check_prints_each_problem_on_a_line_and_exits_with_1(broken: str) -> None:
    result = run("check", "--project", broken)
    assert result.exit_code == 1
    assert result.stdout == (
        "compositions/home.yaml:6:11 steps.user.call: shop has no operation 'get_usr'."
        " Known: create_order, get_user, list_orders, list_products. Did you mean 'get_user'?\n"
    )
    assert result.stderr == "\n1 problem.\n"


def test_check_as_json_is_for_machines(broken: str) -> None:
    result = run("check", "--project", broken, "--format", "json")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["file"] == "compositions/home.yaml"
    assert (problem["line"], problem["column"]) == (6, 11)
    assert problem["path"] == "steps.user.call"
    assert set(problem) == {"file", "line", "column", "path", "what", "mend"}


def test_check_as_json_of_a_sound_project_has_empty_lists(sound: str) -> None:
    result = run("check", "--project", sound, "--format", "json")
    empty: dict[str, object] = {"problems": [], "warnings": [], "wanted": []}
    assert (result.exit_code, json.loads(result.stdout)) == (0, empty)


def test_plan_shows_steps_calls_budget_and_type(sound: str) -> None:
    result = run("plan", "home", "--project", sound)
    assert result.exit_code == 0
    assert result.stdout == PLAN


PLAN = """\
home: GET /home/{user_id}
  access: public

params
  user_id (path): integer, required

steps
  user: shop.get_user
    waits for: nothing
    with:
      id: ${params.user_id}
    calls: at most 1, 2 s each
    on failure: the composition fails
    type: {
      id: integer
      firstName: string
      last_name: string | null
      born: string | null
      role: "admin" | "customer"
    }

upstream calls: at most 1, 1 one after the other
critical path: user: 2 s by its timeouts, within the deadline of 5 s
cache: off

payload
  {
    user: {
      id: integer
      firstName: string
      last_name: string | null
      born: string | null
      role: "admin" | "customer"
    }
  }
  written from:
    user: ${user} (spliced)
"""


@pytest.mark.parametrize("command", [["plan", "home"], ["routes"]])
def test_what_a_schema_module_prints_is_no_part_of_the_result(
    tmp_path: Path, command: list[str]
) -> None:
    schemas = {"shop": f"print('loaded')\n{SHOP_SCHEMAS}"}
    result = run(*command, "--project", str(write_project(tmp_path, schemas=schemas)))
    assert "loaded" not in result.stdout
    assert result.stderr == "loaded\n"


def test_plan_is_the_same_text_whatever_the_hash_seed(sound: str) -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-m", "bff.cli", "plan", "home", "--project", sound],
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {PLAN.encode()}


def test_plan_of_an_unknown_composition_names_all_and_the_nearest(tmp_path: Path) -> None:
    profile = HOME.replace("/home/", "/profile/")
    folder = str(write_project(tmp_path, {"home": HOME, "account/profile": profile}))
    result = run("plan", "hone", "--project", folder)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: unknown composition 'hone'. Known: account/profile, home. Did you mean 'home'?\n"
    )


def served(project: str) -> subprocess.CompletedProcess[str]:
    """`bff serve` in a process, since a child of its checks the project."""
    return subprocess.run(
        [sys.executable, "-m", "bff.cli", "serve", "--project", project],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_serve_of_a_broken_project_prints_its_problems_and_starts_nothing(broken: str) -> None:
    result = served(broken)
    assert result.returncode == 1
    assert "shop has no operation 'get_usr'" in result.stdout
    assert result.stderr == "\n1 problem.\n"


def test_serve_reports_every_bad_setting_on_a_line_and_starts_nothing(
    sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_PORT", "http")
    monkeypatch.setenv("BFF_TRANSPORT", "curl")
    monkeypatch.setenv("BFF_REDIS_URL", "http://user:hunter2@cache")
    monkeypatch.setenv("BFF_LOG_LEVEL", "loud")
    result = run("serve", "--project", sound)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "BFF_LOG_LEVEL: must be one of debug, info, warning, error, not 'loud'\n"
        "BFF_PORT: must be a whole number from 1 to 65535, not 'http'\n"
        "BFF_REDIS_URL: must be a redis://, rediss:// or unix:// URL, or a"
        " redis+sentinel:// or redis+cluster:// one\n"
        "BFF_TRANSPORT: must be one of http1, httpx, not 'curl'\n"
    )


def test_serve_reports_an_option_of_the_redis_url_that_can_not_be_read(
    sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_REDIS_URL", "redis://user:hunter2@cache?db=first")
    result = served(sound)
    assert result.returncode == 1
    assert result.stderr == "the Redis URL: invalid value for 'db' in connection URL.\n"


@pytest.mark.parametrize("name", ["port", "workers", "requests-in-flight"])
def test_option_of_serve_is_refused_in_the_words_of_its_variable(sound: str, name: str) -> None:
    result = run("serve", "--project", sound, f"--{name}", "0")
    assert result.exit_code == 2
    assert f"Invalid value for '--{name}': must be a whole number from 1 to " in result.stderr


def test_option_of_serve_stands_in_for_its_variable(
    sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_PORT", "http")
    monkeypatch.setenv("BFF_WORKERS", "many")
    result = run("serve", "--project", sound, "--port", "8080")
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["BFF_WORKERS"]


def test_serve_reports_an_address_that_it_cannot_listen_at_and_starts_nothing(sound: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--project", sound, "--port", str(port))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Error: cannot listen at 127.0.0.1:{port}: the port is taken."
        " Stop what listens there, or choose another with --port or BFF_PORT.\n"
    )


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ("check", "plan", "routes", "serve", "purge"):
        assert f"\n  {name} " in result.stdout


def test_commands_take_the_folder_from_the_environment(
    sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BFF_PROJECT", sound)
    assert run("check").exit_code == 0


def test_same_commands_are_mounted_in_flasks_own(broken: str) -> None:
    flask = subprocess.run(
        [sys.executable, "-m", "flask", "bff", "check", "--project", broken],
        capture_output=True,
        text=True,
    )
    assert flask.returncode == 1
    assert "shop has no operation 'get_usr'" in flask.stdout
