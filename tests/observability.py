"""`make observability`: writes the tables of docs/observability.md, and the dashboard and rules of
examples/observability, from the code.

A table stands between two marks of the page; what stands outside of them is written by hand.
`tests/unit/docs/test_observability.py` holds them equal to the code.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from click.testing import CliRunner

from bff.cli import bff
from bff.telemetry.alerts.prometheus import ALERTS
from bff.telemetry.dashboard.panel import RANGE, WINDOW
from bff.telemetry.dashboard.rows import DashboardRow, dashboard_rows
from bff.telemetry.logs.fields import DATASETS, FIELDS
from bff.telemetry.metrics.definitions.definition import Definition, Row
from bff.telemetry.metrics.definitions.table import DEFINITIONS

_ROOT = Path(__file__).parents[1]
PAGE = _ROOT / "docs/observability.md"
EXAMPLES = _ROOT / "examples/observability"

_PART = re.compile(r"(?<=<!-- made: )([a-z ]+)( -->\n).*?(?=<!-- end -->)", flags=re.S)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def code(words: Iterable[str]) -> str:
    """Words in the type of code, with commas between."""
    return ", ".join(f"`{word}`" for word in words)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _metrics() -> str:
    return "\n".join(
        f"### Metrics of the {row}\n\n{_metrics_of(row)}"
        for row in get_args(Row)
        if any(each.row == row for each in DEFINITIONS)
    )


def _metrics_of(row: str) -> str:
    rows = [
        (code([each.shown_name]), each.kind, each.unit, code(each.labels), each.help)
        for each in DEFINITIONS
        if each.row == row
    ]
    return table(("metric", "type", "unit", "labels", "what it counts"), rows)


def _buckets() -> str:
    by_bounds: dict[tuple[float, ...], list[Definition]] = {}
    for each in DEFINITIONS:
        if each.bounds:
            by_bounds.setdefault(each.bounds, []).append(each)
    rows = [
        (code(each.shown_name for each in group), ", ".join(f"{bound:.12g}" for bound in bounds))
        for bounds, group in by_bounds.items()
    ]
    return table(("histogram", "upper bounds of its buckets"), rows)


def _alerts() -> str:
    rows = [
        (code([each.name]), _plain(each.summary), each.severity, each.held or "at once", each.panel)
        for each in ALERTS
    ]
    return table(("alert", "fires when", "severity", "held for", "graph"), rows)


def _runbooks() -> str:
    by_text: dict[str, list[str]] = {}
    for each in ALERTS:
        by_text.setdefault(_plain(each.mend), []).append(each.name)
    return "".join(f"- {code(names)}: {text}\n" for text, names in by_text.items())


def _plain(text: str) -> str:
    """An alert's text for readers, without Prometheus's templates."""
    named = re.sub(r"{{ \$labels\.(\w+) }}", lambda found: f"`{found[1]}`", text)
    return re.sub(r"{{ \$value[^}]*}}", "…", named)


def _questions() -> str:
    return "\n".join(f"### {row.title}\n\n{_questions_of(row)}" for row in dashboard_rows())


def _questions_of(row: DashboardRow) -> str:
    rows = [
        (panel.question, panel.title, code(map(_bare, (each.expression for each in panel.queries))))
        for panel in row.panels
    ]
    return table(("question", "graph", "query"), rows)


def _bare(expression: str) -> str:
    """A query without the dashboard's variables, to be asked of Prometheus itself."""
    bare = re.sub(r'\w+=~"\$\w+"(, )?', "", expression)
    bare = bare.replace(WINDOW, "5m").replace(f"{RANGE}_s", "300").replace(RANGE, "5m")
    return bare.replace(", }", "}").replace("{}", "")


def _datasets() -> str:
    return table(
        ("`event.dataset`", "its lines"), [(f"`{name}`", DATASETS[name]) for name in DATASETS]
    )


def _fields() -> str:
    rows = [
        (f"`{each.name}`", each.type, ", ".join(each.datasets) or "all", each.meaning)
        for each in FIELDS
    ]
    return table(("field", "type", "in lines of", "what it holds"), rows)


# What makes each part of the page that stands between marks.
PARTS: Mapping[str, Callable[[], str]] = {
    "metrics": _metrics,
    "buckets": _buckets,
    "alerts": _alerts,
    "runbooks": _runbooks,
    "questions": _questions,
    "datasets": _datasets,
    "fields": _fields,
}


def page(text: str) -> str:
    """The page with its parts made anew. Raises KeyError for a mark that names no part."""
    return _PART.sub(lambda match: f"{match[1]}{match[2]}{PARTS[match[1]]()}", text)


def parts_in(text: str) -> list[str]:
    """The names of the parts that the page has."""
    return [match[1] for match in _PART.finditer(text)]


def examples() -> Mapping[Path, str]:
    """The files of examples/observability that commands print."""
    runner = CliRunner()
    return {
        EXAMPLES / file: runner.invoke(bff, [command], catch_exceptions=False).stdout
        for file, command in (("dashboard.json", "dashboard"), ("alerts.yml", "alerts"))
    }


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")
    for path, text in examples().items():
        path.write_text(text, encoding="utf-8")
