"""docs/tutorial.md, done as it says, with the gateway of this checkout."""

import os
import re
import sys
from pathlib import Path

from tests.support.docs.tutorial import Reader

ROOT = Path(__file__).parents[3]
TUTORIAL = (ROOT / "docs/tutorial.md").read_text("utf-8")
INSTALLING = ("python3 -m venv", ". .venv", "pip install")


def test_tutorial_shows_what_its_commands_show(tmp_path: Path) -> None:
    """From the wheel, in an empty environment, it is done in tests/system/test_wheel.py."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with Reader(tmp_path, {"PATH": path}, ("8080", "9101")) as reader:
        reader.follow(TUTORIAL, skip=INSTALLING)


def test_what_the_readme_begins_with_is_of_the_tutorial() -> None:
    readme = (ROOT / "README.md").read_text("utf-8").partition("## See it")[0]
    shown, done = (
        re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S) for text in (readme, TUTORIAL)
    )
    commands = "".join(shown).splitlines()
    assert len(commands) > 5
    assert set(commands) <= set("".join(done).splitlines())
