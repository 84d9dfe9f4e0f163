"""The `bff` command, as a terminal sees it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bff.cli import bff
from tests.support.projects import HOME, write_project


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
    assert result.stdout == "1 compositions over 4 operations: no problem.\n"


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


def test_check_as_json_of_a_sound_project_is_an_empty_list(sound: str) -> None:
    result = run("check", "--project", sound, "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"problems": []})


def test_plan_tells_steps_calls_budget_and_type(sound: str) -> None:
    result = run("plan", "home", "--project", sound)
    assert result.exit_code == 0
    assert result.stdout == PLAN


PLAN = """\
home: GET /home/{user_id}

params
  user_id (path): integer, required

steps
  user: shop.get_user
    waits for: nothing
    calls: at most 1, 2 s each
    on failure: the composition fails
    type: {
      id: integer
      firstName: string
      last_name: string | null
      born: string | null
      role: "admin" | "customer"
    }

upstream calls: at most 1
critical path: user: 2 s (deadline 5 s)
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
  written as: user (spliced)
"""


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


def test_plan_of_an_unknown_composition_names_the_nearest(sound: str) -> None:
    result = run("plan", "hone", "--project", sound)
    assert result.exit_code == 1
    assert "unknown composition 'hone'. Known: home. Did you mean 'home'?" in result.stderr


def test_routes_lists_what_answers_where(tmp_path: Path) -> None:
    folder = write_project(tmp_path, gateway="routes:\n  /raw: {service: shop}\n")
    result = run("routes", "--project", str(folder))
    assert result.exit_code == 0
    for text in ("/home/{user_id}", "composition home", "/raw/…", "service shop", "/healthz"):
        assert text in result.stdout


def test_serve_of_a_broken_project_tells_its_problems_and_starts_nothing(broken: str) -> None:
    result = run("serve", "--project", broken)
    assert result.exit_code == 1
    assert "unknown" in result.stdout or "has no operation" in result.stdout


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
