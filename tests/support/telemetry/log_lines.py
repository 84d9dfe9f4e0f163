"""Reads lines of the log, and holds each of them against the table of fields."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final

import pytest

from bff.telemetry.logs.fields import DATASETS, ECS_VERSION, FIELDS, Field, Type

Line = dict[str, Any]

_FIRST: Final = ["@timestamp", "log.level", "message", "ecs.version", "event.dataset"]
_FIELDS: Final = {each.name: each for each in FIELDS}
_ALWAYS: Final = {each.name for each in FIELDS if not each.datasets}


def _is_list(value: Any) -> bool:
    return type(value) is list and all(type(each) is str for each in value)


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_date(value: Any) -> bool:
    return _is_text(value) and bool(datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ"))


_IS: Final[dict[Type, Callable[[Any], bool]]] = {
    "date": _is_date,
    "keyword": _is_text,
    "text": _is_text,
    "keywords": _is_list,
    "texts": _is_list,
    "long": lambda value: type(value) is int,
    "float": lambda value: type(value) is float,
    "boolean": lambda value: type(value) is bool,
    "ip": lambda value: _is_text(value) and bool(ip_address(value)),
}


def is_of_type(field: Field, value: Any) -> bool:
    """Whether a value from JSON is of the field's type."""
    return _IS[field.type](value)


def read_lines(text: bytes | str) -> list[Line]:
    """The lines of JSON, each of which is as the table of fields has it."""
    lines: list[Line] = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        _check(line)
    return lines


def of(dataset: str, lines: Iterable[Line]) -> list[Line]:
    """Those of a kind: of "access", say."""
    return [line for line in lines if line["event.dataset"] == f"bff.{dataset}"]


def written(capfd: "pytest.CaptureFixture[bytes]", dataset: str | None = None) -> list[Line]:
    """What this process has written to standard output, all of it or the lines of a kind."""
    lines = read_lines(capfd.readouterr().out)
    return lines if dataset is None else of(dataset, lines)


def _check(line: Line) -> None:
    assert [*line][: len(_FIRST)] == _FIRST, line
    assert line["ecs.version"] == ECS_VERSION
    assert line["event.dataset"] in DATASETS
    assert line.keys() >= _ALWAYS, _ALWAYS - line.keys()
    kind = line["event.dataset"].removeprefix("bff.")
    for name, value in line.items():
        field = _FIELDS[name]
        assert is_of_type(field, value), f"{name} is no {field.type}: {value!r}"
        assert not field.datasets or kind in field.datasets, f"{name} in a line of {kind}"
