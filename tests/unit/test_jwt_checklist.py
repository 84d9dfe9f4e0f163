"""The checklist of tokens names tests that are there, and leaves out no section."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = [
    line
    for line in (ROOT / "docs/jwt-checklist.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| section", "| asks"))
]
SECTIONS = [f"3.{number}" for number in range(1, 13)] + ["bis"]


def test_each_line_of_the_checklist_names_tests_that_are_there() -> None:
    for line in LINES:
        named = re.findall(r"\]\(\.\./(\S+\.py)\)((?:,? `test_\w+`)+)", line.split("|")[-2])
        assert named, line
        for file, tests in named:
            text = (ROOT / file).read_text("utf-8")
            for test in re.findall(r"test_\w+", tests):
                assert f"def {test}(" in text, f"{file} has no {test}"


def test_checklist_has_every_section_of_the_best_practices() -> None:
    found = [line.split("|")[1].strip() for line in LINES]
    assert set(SECTIONS) <= set(found)
    assert found.count("bis") >= 3
