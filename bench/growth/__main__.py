"""`python -m bench.growth`: all curves, which of them grow as is asked, picture and record.

Ends with 1 when something answered wrong or did not start, and with 2 when programs are missing. A
curve that grows faster than is asked is told, and is no error.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.arguments import positive
from bench.growth.curves import SLACK, Curve
from bench.growth.loads import Loads, NotMeasured
from bench.growth.picture import draw
from bench.growth.place import open_place
from bench.growth.projects import COMPOSITIONS, measure_projects
from bench.growth.requests import measure_requests
from bench.machine import MissingPrograms, describe, find_programs, share_cores
from bench.processes import StartFailed

_RESULTS = Path(__file__).parent.parent / "results"
_PART = "part.growth"  # the record of a run that isn't one to keep
_QUICK_COMPOSITIONS = COMPOSITIONS[:3]


def main() -> int:
    """The run as the command line asks for it."""
    asked = _read_arguments()
    told = Console(stderr=True)
    try:
        programs = find_programs()
    except MissingPrograms as error:
        told.print(str(error), style="red", markup=False)
        return 2
    cores = share_cores(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores.others)  # wrk is started from here, and stays here
    machine = describe(programs, cores)

    def tell(what: str) -> None:
        told.print(what, markup=False, highlight=False)

    loads = Loads(programs["wrk"], asked.rounds, asked.seconds, tell)
    try:
        with open_place(cores) as place:
            counts = _QUICK_COMPOSITIONS if asked.quick else COMPOSITIONS
            curves = [*measure_requests(place, loads), *measure_projects(place, loads, counts)]
    except (StartFailed, NotMeasured) as error:
        told.print(str(error), style="red", markup=False)
        return 1
    _show(Console(), curves)
    record = {
        "machine": machine,
        "rounds": asked.rounds,
        "seconds": asked.seconds,
        "curves": [
            asdict(each) | {"growth": each.growth, "verdict": each.verdict} for each in curves
        ],
    }
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / f"{asked.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    (_RESULTS / f"{asked.name}.svg").write_text(draw(curves))
    told.print(f"Written: bench/results/{asked.name}.json and .svg", style="dim")
    return 0


def _show(console: Console, curves: list[Curve]) -> None:
    for each in curves:
        table = Table(title=f"{each.title}, {each.unit}", title_justify="left")
        table.add_column(each.over)
        for point in each.points:
            table.add_column(f"{point.size:,.0f}", justify="right")
        table.add_row("", *(f"{point.median:,.4g}" for point in each.points))
        console.print(table)
        if each.verdict:
            colour = "green" if each.verdict == "held" else "red"
            console.print(
                f"{each.asked}: [{colour}]{each.verdict}[/] ({each.growth:.2f}, at most {SLACK:g})"
            )


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth", description="What things cost as they grow."
    )
    parser.add_argument("--rounds", type=positive, default=3, help="default: 3")
    parser.add_argument("--seconds", type=positive, default=3, help="of each load; default: 3")
    parser.add_argument(
        "--quick", action="store_true", help="one round of a second, up to 100 compositions"
    )
    parser.add_argument("--name", help=f"of the record; default: growth-DATE, or {_PART} if quick")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds = asked.seconds = 1
    if asked.name is None:
        asked.name = _PART if asked.quick else f"growth-{datetime.now(UTC):%Y-%m-%d}"
    return asked


if __name__ == "__main__":
    sys.exit(main())
