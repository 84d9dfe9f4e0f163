"""`python -m bench`: one run, its tables, and its record in `bench/results/`.

Ends with 1 when a row answered wrong values or something did not start, and with 2 when programs
are missing without which nothing can be measured. A missed target is told, and is no error; nor is
a peer whose program isn't to be had.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.figures import Ratio, RowFigures, ratios, row_figures
from bench.machine import Cores, MissingPrograms, describe, find_programs, share_cores
from bench.picture import draw
from bench.processes import StartFailed
from bench.provision import Peers, find_peers
from bench.report import show
from bench.rounds import Results, count_steps, run_rounds
from bench.rows import ROWS, Row
from bench.stage import open_stage

_RESULTS = Path(__file__).parent / "results"
_PART = "part"  # the record of a run that isn't one to keep
_WIDTH = 144  # of the tables, where the terminal's is less or unknown


def main() -> int:
    """The run as the command line asks for it."""
    asked = _read_arguments()
    told = Console(stderr=True)
    try:
        programs = find_programs()
    except MissingPrograms as error:
        told.print(str(error), style="red", markup=False)
        return 2
    peers = find_peers({row.server for row in asked.rows}, told.print)
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)  # wrk is started from here, and stays here
    machine = {**describe(programs, cores), **peers.versions}
    try:
        results, machine["cache"] = _run(asked, programs, cores, peers, told)
    except StartFailed as error:
        told.print(str(error), style="red", markup=False)
        return 1
    figures, compared = row_figures(results), ratios(results)
    show(Console(width=max(Console().width, _WIDTH)), machine, results, figures, compared)
    record = {
        "machine": machine,
        "rounds": len(results.rounds),
        "seconds": asked.seconds,
        "rows": _record_rows(results, figures),
        "ratios": [_record_ratio(each) for each in compared],
        "samples": [{key: asdict(each) for key, each in one.items()} for one in results.rounds],
    }
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{asked.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    (_RESULTS / f"{asked.name}.svg").write_text(draw(results, figures, compared))
    told.print(f"Written: bench/results/{asked.name}.json and .svg", style="dim")
    return 1 if any(each.is_wrong for each in results.unmeasured.values()) else 0


def _run(
    asked: argparse.Namespace,
    programs: dict[str, str],
    cores: Cores,
    peers: Peers,
    told: Console,
) -> tuple[Results, str]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=told, transient=True) as progress:
        total = count_steps(asked.rows, asked.rounds) + 1
        task = progress.add_task("starting servers", total=total)

        def tell(what: str) -> None:
            if told.is_terminal:
                progress.update(task, description=what, advance=1)
            else:
                told.print(what, markup=False, highlight=False)

        with open_stage(programs, cores, peers, asked.rows) as stage:
            results = run_rounds(
                stage,
                asked.rows,
                programs["wrk"],
                rounds=asked.rounds,
                seconds=asked.seconds,
                tell=tell,
            )
            return results, stage.cache


def _record_rows(results: Results, figures: list[RowFigures]) -> dict[str, dict[str, object]]:
    rows: dict[str, dict[str, object]] = {
        row.key: {"group": row.group, "title": row.title} for row in results.rows
    }
    for each in figures:
        record = asdict(each)
        del record["row"]
        rows[each.row.key].update(record)
    for key, unmeasured in results.unmeasured.items():
        rows[key]["not_measured"] = unmeasured.reason
    return rows


def _record_ratio(each: Ratio) -> dict[str, object]:
    record = asdict(each)
    return {**record.pop("comparison"), **record, "verdict": each.verdict}


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="The gateway beside what one would write by hand."
    )
    parser.add_argument("--rounds", type=_positive, default=5, help="default: 5")
    parser.add_argument("--seconds", type=_positive, default=5, help="of each load; default: 5")
    parser.add_argument(
        "--quick", action="store_true", help="one round of a second: does it work at all?"
    )
    parser.add_argument(
        "--rows",
        type=_rows,
        default=ROWS,
        metavar="KEY,KEY",
        help=f"these alone, of {', '.join(row.key for row in ROWS)}",
    )
    parser.add_argument(
        "--name", help=f"of the record; default: today, or {_PART} with --quick or --rows"
    )
    asked = parser.parse_args()
    if asked.name is None:
        is_part = asked.quick or asked.rows is not ROWS
        asked.name = _PART if is_part else f"{datetime.now(UTC):%Y-%m-%d}"
    if asked.quick:
        asked.rounds = asked.seconds = 1
    return asked


def _rows(text: str) -> tuple[Row, ...]:
    keys = {key.strip() for key in text.split(",") if key.strip()}
    known = {row.key for row in ROWS}
    if not keys or keys - known:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(sorted(keys - known)) or 'nothing is named'}. "
            f"Known: {', '.join(row.key for row in ROWS)}"
        )
    return tuple(row for row in ROWS if row.key in keys)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


if __name__ == "__main__":
    sys.exit(main())
