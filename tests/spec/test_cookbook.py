"""Each recipe of docs/cookbook.md does what it shows: its project is served over the stand-ins."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bff.plan.compiler.project import check_project
from examples.stand_ins import PORT, SECRETS, create_app
from tests.support.docs.markdown import anchor_of
from tests.support.docs.shown_exchanges import ShownExchange, ask, assert_as_shown, exchange_of
from tests.support.gateway.hosts import flask_server, serving

ROOT = Path(__file__).parents[2]
COOKBOOK = (ROOT / "docs/cookbook.md").read_text("utf-8")
NEEDS = (ROOT / "docs/needs.md").read_text("utf-8")

STAND_INS = f"http://127.0.0.1:{PORT}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A section of the cookbook: files by their names, what `bff check` warns of, and what is asked
    of them."""

    files: dict[str, str]
    warnings: list[str]
    exchanges: list[ShownExchange]


def recipes_of(text: str) -> dict[str, Recipe]:
    """The recipes by the anchors of their headings."""
    sections = re.split(r"^### (.*)$", text, flags=re.M)[1:]
    return {
        anchor_of(title): _recipe_of(section)
        for title, section in zip(sections[::2], sections[1::2], strict=True)
    }


def _recipe_of(section: str) -> Recipe:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.M | re.S)
    files = {}
    for language, text in blocks:
        if language in ("yaml", "python"):
            title, _, content = text.partition("\n")
            files[title.removeprefix("# ")] = content
    warnings = [
        line for language, text in blocks if language == "text" for line in text.split("\n")
    ]
    exchanges = [exchange_of(text) for language, text in blocks if language == "http"]
    return Recipe(files, [each for each in warnings if each], exchanges)


RECIPES = recipes_of(COOKBOOK)


@pytest.fixture
def stand_ins() -> Iterator[str]:
    """The address of stand-ins with the data that they begin with."""
    with flask_server(create_app()) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("anchor", RECIPES)
def test_recipe(
    anchor: str, stand_ins: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPES[anchor]
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for name, text in {"gateway.yaml": "", **recipe.files}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(STAND_INS, stand_ins), encoding="utf-8")
    checked = check_project(tmp_path)
    assert [str(each) for each in checked.problems] == []
    assert [f"warning: {each}" for each in checked.warnings] == recipe.warnings
    with ExitStack() as stack:
        host = stack.enter_context(serving("http1", tmp_path))
        assert recipe.exchanges
        for shown in recipe.exchanges:
            assert_as_shown(shown, ask(host, shown))


def test_every_composition_and_route_of_a_recipe_states_its_access() -> None:
    for recipe in RECIPES.values():
        for name, text in recipe.files.items():
            if name.startswith("compositions/"):
                assert "\naccess: " in text, name
            for route in re.findall(r"^  /.*$", text, flags=re.M):
                assert "access: " in route, route


NEEDED = [re.split(r"(?<!\\)\|", line)[1:-1] for line in NEEDS.splitlines() if line[0:1] == "|"][2:]


@pytest.mark.parametrize("row", NEEDED, ids=lambda row: row[0].strip())
def test_lines_that_meet_a_need_stand_in_its_recipes(row: list[str]) -> None:
    _, linked, lines, _ = row
    anchors = re.findall(r"\(cookbook\.md#([^)]*)\)", linked)
    files = "".join(text for anchor in anchors for text in RECIPES[anchor].files.values())
    shown = [long or short for long, short in re.findall(r"``(.*?)``|`(.*?)`", lines)]
    assert shown
    for line in shown:
        assert line.replace(r"\|", "|") in [each.strip() for each in files.splitlines()]


def test_pages_are_read_whole() -> None:
    assert len(RECIPES) == COOKBOOK.count("\n### ") > 40
    assert len(NEEDED) == 32
