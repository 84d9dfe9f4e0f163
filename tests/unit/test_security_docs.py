"""Each promise of docs/security.md names tests that are there, and no test of these is left out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
PROMISES = re.findall(r"^\| ([^|]*) \| ([^|]*) \|$", PAGE.split("## Promises")[1], flags=re.M)[2:]
# Each of their tests is a promise of its own.
WHOLE = ("tests/spec/test_nobody_gets_by.py", "tests/spec/test_access_matrix.py")
_ONLY_PROVES_THE_OTHERS = "test_who_is_admitted_reaches_what_is_private"


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
