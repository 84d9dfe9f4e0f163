"""docs/tutorial.md, done as it says: the wheel in an empty folder outside the checkout."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.docs.tutorial import Reader

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)  # it installs everything that the wheel asks for
def test_tutorial_begins_with_the_wheel_and_shows_what_its_commands_show(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path,
         ROOT],
        check=True,
    )  # fmt: skip
    programs = f"{Path(sys.base_prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    variables = {
        "PATH": programs,
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with Reader(tmp_path, variables, ("8080", "9101")) as reader:
        reader.follow((ROOT / "docs/tutorial.md").read_text("utf-8"))
