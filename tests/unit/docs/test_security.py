"""Each promise of docs/security.md, and each line of the checklist of tokens, names tests that are
there; no promise's test and no section of the checklist is left out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
PROMISES = re.findall(r"^\| ([^|]*) \| ([^|]*) \|$", PAGE.split("## Promises")[1], flags=re.M)[2:]
# Each of their tests is a promise of its own.
WHOLE = ("tests/spec/test_nobody_gets_by.py", "tests/spec/test_access_matrix.py")
_ONLY_PROVES_THE_OTHERS = "test_who_is_admitted_reaches_what_is_private"
CHECKLIST = [
    line
    for line in (ROOT / "docs/jwt-checklist.md").read_text("utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| section", "| asks"))
]
SECTIONS = [f"3.{number}" for number in range(1, 13)] + ["bis"]


def names_in(file: str) -> set[str]:
    return set(re.findall(r"^def (test_\w+)\(", (ROOT / file).read_text("utf-8"), flags=re.M))


@pytest.mark.parametrize(("promise", "held_by"), PROMISES, ids=lambda text: text[:40])
def test_each_promise_names_tests_that_are_there(promise: str, held_by: str) -> None:
    named = re.findall(r"`([\w/.]+)::(\w+)`", held_by)
    assert promise.endswith(".")
    assert named, f"no test holds: {promise}"
    assert held_by.count("::") == len(named)
    for file, name in named:
        assert name in names_in(file), f"{file}::{name}"


@pytest.mark.parametrize("file", WHOLE)
def test_each_test_of_these_holds_a_promise(file: str) -> None:
    named = set(re.findall(rf"`{re.escape(file)}::(\w+)`", PAGE))
    assert names_in(file) - {_ONLY_PROVES_THE_OTHERS} == named


def test_page_has_what_is_trusted_promised_left_out_and_how_to_report() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, flags=re.M)
    assert titles == [
        "Report a weakness", "Who is trusted", "Promises", "What is not defended",
    ]  # fmt: skip
    assert len(PROMISES) >= 20


def test_each_line_of_the_checklist_names_tests_that_are_there() -> None:
    for line in CHECKLIST:
        named = re.findall(r"\]\(\.\./(\S+\.py)\)((?:,? `test_\w+`)+)", line.split("|")[-2])
        assert named, line
        for file, names in named:
            missing = set(re.findall(r"test_\w+", names)) - names_in(file)
            assert not missing, f"{file} has no {missing}"


def test_checklist_has_every_section_of_the_best_practices() -> None:
    found = [line.split("|")[1].strip() for line in CHECKLIST]
    assert set(SECTIONS) <= set(found)
    assert found.count("bis") >= 3
