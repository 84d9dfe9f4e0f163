"""`python -m bench`: one run, its tables and verdicts, and its record in `bench/results/`.

Ends with 1 when a row or a crowd answered wrong values or something did not start, and with 2 when
programs are missing without which nothing can be measured. A missed target is reported, and is no
error; nor is a peer whose program isn't to be had.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.arguments import positive
from bench.crowds.figures import CrowdResults
from bench.crowds.run import CROWDS, run_crowds
from bench.crowds.verdicts import judge_crowds
from bench.figures import RowFigures, ratios, row_figures
from bench.machine import Cores, MissingPrograms, describe, find_programs, share_cores
from bench.open_files import TooFewFiles
from bench.picture import draw
from bench.processes import StartFailed
from bench.provision import Peers, find_peers
from bench.report import show
from bench.rounds import Results, count_steps, run_rounds
from bench.rows import ROWS
from bench.stage import open_stage
from bench.tables import RESULTS
from bench.verdicts import judge_rows

_PART = "part"  # the record of a run that isn't one to keep
_WIDTH = 156  # of the tables, where the terminal's is less or unknown
_NO_ROWS = Results((), [], {})


def main() -> int:
    """The run as the command line asks for it."""
    asked = _read_arguments()
    console = Console(stderr=True)
    try:
        programs = find_programs()
    except MissingPrograms as error:
        console.print(str(error), style="red", markup=False)
        return 2
    peers = find_peers({row.server for row in asked.rows}, console.print)
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)  # all that loads is started from here, and stays here
    machine = {**describe(programs, cores), **peers.versions}
    results, crowds, no_crowds = _NO_ROWS, None, ""
    try:
        if asked.rows:
            results, machine["cache"] = _run_rows(asked, programs, cores, peers, console)
        if asked.with_crowds:
            crowds = run_crowds(cores, asked.rounds, console.print)
    except StartFailed as error:
        console.print(str(error), style="red", markup=False)
        return 1
    except TooFewFiles as error:
        no_crowds = str(error)
    figures = row_figures(results)
    verdicts = judge_rows(results) + (judge_crowds(crowds) if crowds else [])
    verdicts.sort(key=lambda each: each.outcome == "reported")  # what has no target comes last
    record = {
        "name": asked.name,
        "machine": machine,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "rows": _record_rows(results, figures),
        "crowds": _record_crowds(crowds, no_crowds),
        "verdicts": [asdict(each) for each in verdicts],
        "samples": [{key: asdict(each) for key, each in one.items()} for one in results.rounds],
    }
    show(Console(width=max(Console().width, _WIDTH)), record)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{asked.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    if asked.rows:
        (RESULTS / f"{asked.name}.svg").write_text(draw(results, figures, ratios(results)))
    console.print(f"Written: bench/results/{asked.name}.json", style="dim")
    rows_are_wrong = any(each.is_wrong for each in results.unmeasured.values())
    return 1 if rows_are_wrong or (crowds is not None and crowds.are_wrong) else 0


def _run_rows(
    asked: argparse.Namespace,
    programs: dict[str, str],
    cores: Cores,
    peers: Peers,
    console: Console,
) -> tuple[Results, str]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        total = count_steps(asked.rows, asked.rounds) + 1
        task = progress.add_task("starting servers", total=total)

        def tell(what: str) -> None:
            if console.is_terminal:
                progress.update(task, description=what, advance=1)
            else:
                console.print(what, markup=False, highlight=False)

        with open_stage(programs, cores, peers, asked.rows) as stage:
            results = run_rounds(
                stage,
                asked.rows,
                programs["wrk"],
                rounds=asked.rounds,
                seconds=asked.seconds,
                tell=tell,
            )
            if watched := stage.watched():
                console.print(f"the watcher saw {watched}", style="dim")
            return results, stage.cache


def _record_rows(results: Results, figures: list[RowFigures]) -> dict[str, dict[str, object]]:
    rows: dict[str, dict[str, object]] = {
        row.key: {"group": row.group, "title": row.title, "server": row.server}
        for row in results.rows
    }
    for each in figures:
        record = asdict(each)
        del record["row"]
        rows[each.row.key].update(record)
    for key, unmeasured in results.unmeasured.items():
        rows[key]["not_measured"] = unmeasured.reason
    return rows


def _record_crowds(crowds: CrowdResults | None, reason: str) -> dict[str, Any]:
    if crowds is not None:
        return asdict(crowds)
    return {"not_measured": reason} if reason else {}


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="The gateway beside its peers and what one would write."
    )
    parser.add_argument("--rounds", type=positive, default=5, help="default: 5")
    parser.add_argument("--seconds", type=positive, default=4, help="of each load; default: 4")
    parser.add_argument(
        "--quick", action="store_true", help="one round of a second: does it work at all?"
    )
    keys = [*(row.key for row in ROWS), CROWDS]
    parser.add_argument(
        "--rows",
        type=_keys,
        metavar="KEY,KEY",
        help=f"these alone, of {', '.join(keys)}",
    )
    parser.add_argument(
        "--name", help=f"of the record; default: today, or {_PART} with --quick or --rows"
    )
    asked = parser.parse_args()
    if asked.name is None:
        is_part = asked.quick or asked.rows is not None
        asked.name = _PART if is_part else f"{datetime.now(UTC):%Y-%m-%d}"
    if asked.quick:
        asked.rounds = asked.seconds = 1
    chosen = keys if asked.rows is None else asked.rows
    asked.with_crowds = CROWDS in chosen
    asked.rows = tuple(row for row in ROWS if row.key in chosen)
    return asked


def _keys(text: str) -> list[str]:
    keys = [key.strip() for key in text.split(",") if key.strip()]
    known = [*(row.key for row in ROWS), CROWDS]
    unknown = [key for key in keys if key not in known]
    if unknown or not keys:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown) or 'nothing is named'}. Known: {', '.join(known)}"
        )
    return keys


if __name__ == "__main__":
    sys.exit(main())
