"""Small texts of `bff plan`: templates, values and durations on one line each."""

import json
from collections.abc import Iterable
from typing import Any

from bff.plan.model.composition import Access
from bff.plan.model.expressions import Template

_SIZE_UNITS = (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10))


def source_text(template: Template) -> str:
    """The template as declared, on one line; a constant as JSON, so that "1" and 1 differ."""
    if not template.roots:
        return json_text(template.evaluate({}))
    return one_line(template.source)


def one_line(source: str) -> str:
    """An expression over several lines, on one."""
    return " ".join(source.split()) if "\n" in source else source


def json_text(value: Any) -> str:
    """A JSON value, with no character escaped that need not be."""
    return json.dumps(value, ensure_ascii=False)


def seconds_text(seconds: float) -> str:
    """A duration: `1.5 s`, `800 ms`, `0 s`."""
    return f"{seconds * 1000:g} ms" if 0 < seconds < 1 else f"{seconds:g} s"


def size_text(size: int) -> str:
    """A number of bytes: `10 MiB`, `1500 B`."""
    unit, power = next(
        ((unit, power) for unit, power in _SIZE_UNITS if size and size % 2**power == 0), ("B", 0)
    )
    return f"{size >> power} {unit}"


def access_text(access: Access) -> str:
    """Who may call an endpoint."""
    return access.kind or "not stated"


def indented(lines: Iterable[str], by: int = 2) -> Iterable[str]:
    """The lines, moved to the right."""
    return (f"{' ' * by}{line}" for line in lines)
