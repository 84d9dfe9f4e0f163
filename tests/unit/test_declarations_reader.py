"""A project's folder is read whole: what is sound is there, what is broken is told."""

from pathlib import Path

import pytest

from bff.declarations.hints import known_names
from bff.declarations.reader import read_project

SERVICE = "base: http://h\noperations: {one: {request: GET /, returns: 'a:B'}}\n"
COMPOSITION = "endpoint: GET /a\nsteps: {a: {call: s.o}}\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_files_are_named_by_their_places_in_the_folder(tmp_path: Path) -> None:
    files = {
        "gateway.yaml": "",
        "services/users.yaml": SERVICE,
        "services/a-1.yaml": SERVICE,
        "services/README.md": "not ours",
        "services/.hidden.yaml": "{",
        "compositions/home.yaml": COMPOSITION,
        "compositions/account/history.yaml": COMPOSITION,
        "compositions/.git/x.yaml": "{",
    }
    found = read_project(write(tmp_path, files))
    assert found.problems == ()
    assert list(found.services) == ["a-1", "users"]
    assert list(found.compositions) == ["account/history", "home"]
    assert found.compositions["account/history"].file == "compositions/account/history.yaml"
    assert found.gateway.file == "gateway.yaml"


def test_broken_files_are_left_out_and_all_their_problems_told_in_order(tmp_path: Path) -> None:
    files = {
        "gateway.yaml": "colour: red\ndefaults: {deadline: 1s}\n",
        "services/good.yaml": SERVICE,
        "services/bad.yaml": "base: [\n",
        "compositions/good.yaml": COMPOSITION,
        "compositions/bad.yaml": "endpoint: 1\nstep: {}\n",
    }
    found = read_project(write(tmp_path, files))
    assert list(found.services) == ["good"]
    assert list(found.compositions) == ["good"]
    assert found.gateway.model.defaults.deadline == 5.0
    assert [(each.place.file, each.place.line, each.path) for each in found.problems] == [
        ("compositions/bad.yaml", 1, ""),
        ("compositions/bad.yaml", 1, "endpoint"),
        ("compositions/bad.yaml", 2, "step"),
        ("gateway.yaml", 1, "colour"),
        ("services/bad.yaml", 2, "base[0]"),
    ]


@pytest.mark.parametrize(
    ("name", "what", "mend"),
    [
        ("services/users.yml", "files of a project end in .yaml", "Rename it to users.yaml."),
        ("compositions/a/b.yml", "files of a project end in .yaml", "Rename it to b.yaml."),
        ("services/old/users.yaml", "a service's file in a folder of its own", "services/"),
        ("services/my.users.yaml", "'my.users' is no name", "letters"),
        ("compositions/my screen.yaml", "'my screen' is no name", "letters"),
    ],
)
def test_file_that_would_be_overlooked_is_told(
    name: str, what: str, mend: str, tmp_path: Path
) -> None:
    found = read_project(write(tmp_path, {"gateway.yaml": "", name: SERVICE}))
    (problem,) = found.problems
    assert (problem.place.file, problem.place.line, problem.place.column) == (name, 1, 1)
    assert what in problem.what
    assert mend in problem.mend


def test_missing_gateway_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    (problem,) = read_project(tmp_path).problems
    assert problem.place.file == "gateway.yaml"
    assert "not there" in problem.what
    assert "--project" in problem.mend


def test_gateway_file_with_another_ending_is_told_alone(tmp_path: Path) -> None:
    (problem,) = read_project(write(tmp_path, {"gateway.yml": ""})).problems
    assert problem.place.file == "gateway.yml"
    assert problem.mend == "Rename it to gateway.yaml."


def test_folder_that_is_not_there_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    found = read_project(tmp_path / "nowhere")
    assert len(found.problems) == 1
    assert found.services == {}


def test_hint_names_the_nearest_and_lists_what_is_known() -> None:
    assert known_names("order", ["users", "orders"]) == (
        "Known: orders, users. Did you mean 'orders'?"
    )


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("minLength", "min_length"), ("ORDERS", "orders"), ("int", "integer"), ("usr", "user")],
)
def test_hint_sees_through_case_dashes_and_abbreviation(wrong: str, nearest: str) -> None:
    known = ["min_length", "orders", "integer", "user", "quite_other"]
    assert known_names(wrong, known).endswith(f"Did you mean '{nearest}'?")


def test_hint_guesses_nothing_where_nothing_is_near() -> None:
    assert known_names("colour", ["cors", "routes"]) == "Known: cors, routes."
    assert known_names("x" * 100_000, ["cors"]) == "Known: cors."
    assert known_names("x", []) == "None is known here."


def test_long_hint_is_cut_to_the_nearest_names() -> None:
    known = [f"name_{number:03}" for number in range(100)]
    hint = known_names("name_042x", known)
    assert hint.endswith("and 85 more. Did you mean 'name_042'?")
    assert "name_042," in hint
