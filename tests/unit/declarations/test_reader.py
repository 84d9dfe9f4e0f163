"""A project's folder is read whole: what is sound is there, what is broken is told."""

from pathlib import Path

import pytest

from bff.declarations.project import read_project
from bff.declarations.suggestions import known_names

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


def test_all_problems_of_all_files_are_told_in_order_and_what_is_right_is_kept(
    tmp_path: Path,
) -> None:
    files = {
        "gateway.yaml": "colour: red\ndefaults: {deadline: 1s}\n",
        "services/good.yaml": SERVICE,
        "services/bad.yaml": "base: [\n",
        "compositions/good.yaml": COMPOSITION,
        "compositions/bad.yaml": "endpoint: 1\nsteps: {a: {call: s.o, hidden: 2}, b: 3}\n",
    }
    found = read_project(write(tmp_path, files))
    assert list(found.services) == ["good"]
    assert list(found.compositions) == ["bad", "good"]
    assert found.compositions["bad"].model.steps["a"].call == "s.o"
    assert found.gateway.model.defaults.deadline == 1.0
    assert [(each.place.file, each.place.line, each.path) for each in found.problems] == [
        ("compositions/bad.yaml", 1, "endpoint"),
        ("compositions/bad.yaml", 2, "steps.a.hidden"),
        ("compositions/bad.yaml", 2, "steps.b"),
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


LINKS = {
    "compositions/home.yaml": ("/nowhere.yaml", "a link that leads nowhere"),
    "services/shop.yaml": ("shop.yaml", "a link that leads nowhere"),
    "services": ("/nowhere", "a link that leads nowhere"),
    "compositions/more": ("../real", "a link to a folder, which is not followed"),
}


@pytest.mark.parametrize("name", LINKS)
def test_link_that_nothing_is_read_through_is_told(name: str, tmp_path: Path) -> None:
    target, what = LINKS[name]
    write(tmp_path, {"gateway.yaml": "", "real/a.yaml": COMPOSITION})
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to(target)
    (problem,) = read_project(tmp_path).problems
    assert (problem.place.file, problem.what) == (name, what)


def test_link_that_leads_to_files_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"gateway.yaml": "", "real/a.yaml": COMPOSITION, "services/README": ""})
    (tmp_path / "compositions").symlink_to("real")
    (tmp_path / "services" / "shop.yaml").symlink_to("../real/shop.yaml")
    write(tmp_path, {"real/shop.yaml": SERVICE})
    found = read_project(tmp_path)
    assert list(found.services) == ["shop"]
    assert "a" in found.compositions


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
