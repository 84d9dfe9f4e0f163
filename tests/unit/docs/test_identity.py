"""What docs/identity.md shows of the sample project's files stands in these files."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/identity.md").read_text("utf-8")
SHOWN = re.findall(r"^```(?:yaml|python)\n# (\S+)\n(.*?)^```$", PAGE, flags=re.M | re.S)
SCRIPTS = re.findall(r"^```js\n(.*?)^```$", PAGE, flags=re.M | re.S)


@pytest.mark.parametrize(("file", "text"), SHOWN)
def test_shown_lines_stand_in_the_file(file: str, text: str) -> None:
    lines = (ROOT / file).read_text("utf-8").splitlines()
    wanted = text.splitlines()
    starts = [index for index, line in enumerate(lines) if line == wanted[0]]
    assert any(lines[start : start + len(wanted)] == wanted for start in starts)


def test_shown_script_is_the_pages() -> None:
    assert SCRIPTS
    page = (ROOT / "examples/services/storefront.html").read_text("utf-8")
    assert all(script in page for script in SCRIPTS)


def test_every_block_is_checked() -> None:
    blocks = re.findall(r"^```(\w+)$", PAGE, flags=re.M)
    assert set(blocks) == {"yaml", "python", "js", "http"}
    assert len(SHOWN) == sum(each in ("yaml", "python") for each in blocks) > 6
