"""The README's tutorial, done as it says, and the commands that it shows."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from examples.demo.processes import running_demo

REPOSITORY = Path(__file__).parents[3]
BFF = [sys.executable, "-c", "from bff.cli import main; main()"]

README = (REPOSITORY / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
(WRITTEN, MENDED, EXTENDED) = [text for language, text in BLOCKS if language == "yaml"]
(PROBLEMS,) = [text for language, text in BLOCKS if not language]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a reader has after cloning."""
    for part in ("compositions", "schemas", "services"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    shutil.copy(REPOSITORY / "gateway.yaml", tmp_path)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    return tmp_path


@pytest.fixture
def greeting(checkout: Path) -> Path:
    """The file that the reader writes."""
    file = checkout / "compositions" / "greeting.yaml"
    file.write_text(WRITTEN, "utf-8")
    return file


def bff(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BFF, *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


def mend(file: Path) -> None:
    declared, _, _ = file.read_text("utf-8").partition("response:\n")
    file.write_text(declared + MENDED, "utf-8")


@pytest.fixture
def extended(greeting: Path) -> Iterator[httpx.Client]:
    """The demo over what the reader has at the end."""
    mend(greeting)
    greeting.write_text(greeting.read_text("utf-8") + EXTENDED, "utf-8")
    with (
        running_demo(greeting.parents[1], None, lambda *_: None) as running,
        httpx.Client(base_url=running.gateway, trust_env=False, timeout=20) as client,
    ):
        yield client


def test_check_says_of_the_first_try_what_the_readme_shows(greeting: Path) -> None:
    checked = bff(greeting.parents[1], "check")
    assert checked.returncode == 1
    assert checked.stdout + checked.stderr == PROBLEMS


def test_mended_screen_is_right_and_its_plan_says_what_may_be_null(greeting: Path) -> None:
    mend(greeting)
    assert bff(greeting.parents[1], "check").returncode == 0
    planned = bff(greeting.parents[1], "plan", "greeting")
    assert planned.returncode == 0
    assert "{text: string, last_order: {id: integer, total: number} | null}" in planned.stdout
    assert "upstream calls: at most 2" in planned.stdout


def test_extended_screen_is_served_trimmed_and_cached(extended: httpx.Client) -> None:
    whole = extended.get("/screens/greeting/1")
    assert whole.status_code == 200
    assert whole.json()["text"].startswith("Hello ")
    assert whole.json()["last_order"].keys() == {"id", "total"}
    trimmed = extended.get("/screens/greeting/1", params={"view": "mobile"})
    assert trimmed.json() == {
        "text": whole.json()["text"],
        "last_order": {"id": whole.json()["last_order"]["id"]},
    }
    assert trimmed.headers["cache-status"].startswith("bff; hit")


def test_every_command_of_the_table_is_there() -> None:
    listed = set(re.findall(r"^\| `bff (\w+)", README, re.MULTILINE))
    helped = bff(REPOSITORY, "--help").stdout
    assert listed == set(re.findall(r"^  (\w+) {2,}", helped.partition("Commands:")[2], re.M))
