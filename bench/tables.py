"""The tables of a run, from its record: the terminal and docs/performance.md show the same. Pure.

`python -m bench.tables NAME` writes those of `bench/results/NAME.json` into docs/performance.md.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from textwrap import wrap
from typing import Any

from bench.figures import BUSY
from bench.memory import MEGABYTE

Record = Mapping[str, Any]

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results"
_TEXT_WIDTH = 108


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under `columns`; all columns after the first `names` hold figures. `ours` are
    the rows of the gateway's own."""

    title: str
    columns: tuple[str, ...]
    names: int
    rows: tuple[tuple[str, ...], ...]
    ours: frozenset[int] = frozenset()


def rows_table(record: Record) -> Table:
    """What each row did."""
    rows, ours, last_group = [], set(), ""
    for number, row in enumerate(record["rows"].values()):
        group = row["group"] if row["group"] != last_group else ""
        last_group = row["group"]
        rows.append((group, row["title"], *_figures(row)))
        if row["server"] in ("gateway", "gateway-watched"):
            ours.add(number)
    columns = ("requests/s", "lowest–highest", "p50 ms", "p99 ms", "p99 ms at half")
    return Table(
        "One core, 32 connections; medians over the rounds",
        ("job", "how", *columns, "CPU µs", "busy", "MiB"),
        2,
        tuple(rows),
        frozenset(ours),
    )


def verdicts_table(record: Record) -> Table:
    """What was asked, and what came of it."""
    rows, last_work = [], ""
    for each in record["verdicts"]:
        work = each["work"] if each["work"] != last_work else ""
        last_work = each["work"]
        outcome = "" if each["outcome"] == "reported" else each["outcome"]
        rows.append(
            (
                *(work, each["target"], outcome),
                *(each["measured"], each["lowest_highest"], each["by_cpu"]),
            )
        )
    columns = ("work", "target", "", "measured", "lowest–highest", "by CPU")
    return Table("Targets; ratios are medians of ratios within each round", columns, 3, tuple(rows))


def crowds_table(crowds: Mapping[str, Any]) -> Table:
    """What the crowds got, medians over those of a kind."""
    cold, floods = crowds["cold"], crowds["floods"]
    how: Counter[str] = Counter()
    for screen in cold["screens"]:
        how.update(screen["how"])
    rows = [
        (
            f"{cold['kind']['clients']:,} on a cold key, with the upstream's "
            f"{cold['kind']['upstream_seconds']:g} s",
            *_latencies([screen["latencies"] for screen in cold["screens"]]),
            ", ".join(f"{count:,} {name}" for name, count in sorted(how.items())),
            "",
        )
    ]
    for flood in floods:
        kind, memory = flood["kind"], flood["memory"]
        launcher, worker, after = (
            f"{memory[name] / MEGABYTE:.0f}" for name in ("launcher", "worker", "worker_after")
        )
        rows.append(
            (
                f"{kind['clients']:,} of {len(kind['steps'])} each, beyond the upstream's "
                f"{kind['upstream_seconds']:g} s",
                *_latencies(flood["added"]),
                f"{flood['calls_at_once']:,} calls at once",
                f"{launcher} + {worker}, then {after}",
            )
        )
    columns = ("p50 ms", "p99 ms", "max ms", "replies, calls", "MB: launcher + worker, then worker")
    return Table("Crowds; medians over those of a kind", ("crowd", *columns), 1, tuple(rows))


def _figures(row: Mapping[str, Any]) -> tuple[str, ...]:
    if "not_measured" in row:
        return ("not measured", *[""] * 7)
    rate, busy = row["requests_per_second"], row["busy"]
    return (
        f"{rate['median']:,.0f}",
        f"{rate['low']:,.0f}–{rate['high']:,.0f}",
        f"{row['p50_ms']:.2f}",
        f"{row['p99_ms']:.2f}",
        f"{row['p99_ms_at_half']:.2f}",
        f"{row['cpu_us_per_request']:,.0f}",
        f"{'~' if busy < BUSY else ''}{busy:.0%}",
        f"{row['rss_mib']:.0f}",
    )


def _latencies(each: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    return tuple(
        f"{median(one[name] for one in each):,.0f}" for name in ("p50_ms", "p99_ms", "max_ms")
    )


def as_markdown(table: Table) -> str:
    """A table of GitHub's flavour, without its title."""
    right = [" --: "] * (len(table.columns) - table.names)
    lines = [
        "| " + " | ".join(table.columns) + " |",
        "|".join(["", *["---"] * table.names, *right, ""]),
    ]
    for number, row in enumerate(table.rows):
        cells = list(row)
        if number in table.ours:
            cells[1] = f"**{cells[1]}**"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _picture(record: Record) -> str:
    return f"![Requests per second on one core](../bench/results/{record['name']}.svg)"


def _machine(record: Record) -> str:
    facts = dict(record["machine"])
    del facts["pinned"], facts["load_before"]
    listed = ", ".join(f"{name} {value}" for name, value in facts.items())
    text = f"{record['rounds']} rounds of {record['seconds']} s on {listed}."
    return "\n".join(wrap(text, _TEXT_WIDTH, break_on_hyphens=False))


_PARTS: dict[str, Callable[[Record], str]] = {
    "picture": _picture,
    "machine": _machine,
    "rows": lambda record: as_markdown(rows_table(record)),
    "verdicts": lambda record: as_markdown(verdicts_table(record)),
    "crowds": lambda record: as_markdown(crowds_table(record["crowds"])),
}
_MARKS = re.compile(r"(<!-- bench: (\w+) -->)\n.*?(<!-- end -->)", re.DOTALL)


def renew(document: str, record: Record) -> str:
    """The document with this record's parts between their marks, such as `<!-- bench: rows -->` and
    `<!-- end -->`."""

    def part(found: re.Match[str]) -> str:
        return f"{found[1]}\n\n{_PARTS[found[2]](record)}\n\n{found[3]}"

    return _MARKS.sub(part, document)


def main() -> None:
    """Renew docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m bench.tables")
    parser.add_argument("name", help="of the record: bench/results/NAME.json")
    record = json.loads((RESULTS / f"{parser.parse_args().name}.json").read_text())
    DOCUMENT.write_text(renew(DOCUMENT.read_text(), record))


if __name__ == "__main__":
    main()
