"""What a request can't hold is refused, by where it would stand."""

from typing import Any

import pytest

from bff.plan.model.service import Check, Style
from bff.plan.params.sendable import sendable


def check_of(location: Any, *, style: Style = "repeat", slash: bool = False) -> Check:
    return sendable(lambda value: value, location, style, slash=slash)


REFUSED: list[tuple[Check, object, str]] = [
    (check_of("path"), "", "a path segment that is empty"),
    (check_of("path"), "a/b", "holds a slash"),
    (check_of("path"), "a\\b", "holds a slash"),
    (check_of("path"), "..", "only dots"),
    (check_of("path"), "%252E.", "only dots"),
    (check_of("path"), "%" + "25" * 10 + "41", "more than 10 times"),
    (check_of("path", slash=True), "a/../b", "only dots"),
    (check_of("path", slash=True), "a//b", "a path segment that is empty"),
    (check_of("path", style="comma"), [], "is an empty list"),
    (check_of("path", style="comma"), ["a", ""], "a path segment that is empty"),
    (check_of("path", style="comma"), ["a", "b,c"], "holds a comma"),
    (check_of("query", style="comma"), ["a", "b,c"], "holds a comma"),
    (check_of("query", style="space"), ["a", "b c"], "holds a blank"),
    (check_of("form", style="pipe"), ["a|b"], "holds a pipe"),
    (check_of("header"), "a\r\nb", "no header may hold"),
    (check_of("header"), "a\x7fb", "no header may hold"),
    (check_of("header", style="comma"), ["a", "b,c"], "holds a comma"),
]


@pytest.mark.parametrize(("check", "value", "said"), REFUSED, ids=[repr(e[1:]) for e in REFUSED])
def test_value_that_its_location_cannot_hold_is_refused(
    check: Check, value: object, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check(value)


TAKEN: list[tuple[Check, object]] = [
    (check_of("path"), "a b.c"),
    (check_of("path"), "a,b"),
    (check_of("path", slash=True), "a/b c"),
    (check_of("path"), "%" + "25" * 9 + "41"),
    (check_of("path"), "%2" + "%3" * 1_000_000 + "5"),  # too large: refused as it is rendered
    (check_of("path"), 5),
    (check_of("query"), ""),
    (check_of("query", style="comma"), []),
    (check_of("query", style="comma"), ["a", 1, "€/.."]),
    (check_of("header"), "a\tb ü€,"),
    (check_of("header"), ["a,b"]),
    (check_of("body"), "\r\n"),
]


@pytest.mark.parametrize(("check", "value"), TAKEN, ids=[repr(each[1])[:40] for each in TAKEN])
def test_value_that_its_location_can_hold_is_let_through(check: Check, value: object) -> None:
    assert check(value) == value
