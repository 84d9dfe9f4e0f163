"""Plain scalars are read by YAML 1.2's core schema, whatever YAML 1.1 made of them."""

import math

import pytest

from bff.declarations.yaml.scalars import LONGEST_NUMBER, NumberTooLong, resolve_plain


@pytest.mark.parametrize(
    "text",
    [
        *("on", "off", "yes", "no", "y", "n", "1:30", "2024-01-01", "<<", "=", "1_000", "0b11"),
        *("0o8", "nULL", "tRUE", "+", "-", ".", "1e", "e1", "--1", "1.2.3", "inf", "nan", ".Nan"),
        *("1a", "٣", "0x", "0o", "+.", "-0x1", "+.nan", "Infinity", "0X1F", "${a}"),
    ],
)
def test_plain_text_that_yaml_1_1_would_convert_stays_text(text: str) -> None:
    assert resolve_plain(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("-1", -1), ("+12", 12), ("007", 7), ("0o17", 15), ("0xfF", 255),
        ("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("+1.5E-2", 0.015),
        (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("FALSE", False),
        ("null", None), ("Null", None), ("NULL", None), ("~", None), ("", None),
    ],
)  # fmt: skip
def test_core_scalar_has_its_value_and_type(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read_as_one() -> None:
    found = resolve_plain(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize("text", ["9" * 100_000, "0x" + "f" * 100, "1." + "0" * 50])
def test_overlong_number_is_refused_by_its_length(text: str) -> None:
    with pytest.raises(NumberTooLong, match=f"a number of {len(text)} characters"):
        resolve_plain(text)


def test_longest_number_is_read_exactly() -> None:
    assert resolve_plain("9" * LONGEST_NUMBER) == 10**LONGEST_NUMBER - 1
